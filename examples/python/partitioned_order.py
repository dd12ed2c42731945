"""Reads orders and totals in the partitioned layout (`REDIS_LAYOUT=partitioned`), from Redis Cluster or from one Redis.

The keys of Kafka partition 3 have the prefix `{shop:3}:`, those of counters and reports `{shop}:` (docs/cluster.md). The partition of an
order follows from its id, as in Kafka's default partitioner. So a reader needs one command to read an order, and no lookup.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from dataclasses import asdict
from typing import Any, Literal

from redis import Redis, RedisCluster

from shop_report import Order, Shop, encoded

IdType = Literal["number", "text"]
"""The type of the column of the order id. TINYINT to BIGINT are "number". CHAR, VARCHAR, TEXT, BINARY and VARBINARY are "text".

An id of digits in a VARCHAR column is "text": its bytes in Kafka differ from those of the number.
"""


def read_order(
    redis: Redis | RedisCluster, order_id: str, *, prefix: str, partitions: int, id_type: IdType = "number"
) -> Order | None:
    """One order with its line items, or None. `order_id` is the id as MySQL prints it.

    `redis` must decode replies as text (`decode_responses=True`). `prefix` is REDIS_KEY_PREFIX of the worker, and `partitions` the number
    of partitions of the topic. With another number, orders are not found.
    """
    partition = partition_of(order_id, partitions, id_type)
    return Shop(redis, prefix=partition_prefix(prefix, partition)).order(order_id)


def partition_of(order_id: str, partitions: int, id_type: IdType = "number") -> int:
    """The Kafka partition of an order: murmur2 of the record key, made positive, modulo the number of partitions of the topic."""
    if partitions < 1:
        raise ValueError(f"the number of partitions is {partitions}; it must be a whole number from 1 on")
    return (murmur2(record_key(order_id, id_type)) & 0x7FFFFFFF) % partitions


def record_key(order_id: str, id_type: IdType = "number") -> bytes:
    r"""The bytes of the record key, as Debezium's connector writes them with Kafka Connect's JsonConverter and `schemas.enable=false`.

    - number: the decimal digits in ASCII, with `-` before a negative number. 123 is the 3 bytes 31 32 33.
    - text: a JSON string in UTF-8, with its quotes. `a:b` is the 5 bytes 22 61 3a 62 22. The text is not percent-encoded. Bytes of a
      BINARY column are their hexadecimal digits in lower case.

    In a JSON string, JsonConverter escapes `"`, `\`, control characters below U+0020, and every character beyond U+FFFF as two escapes:
    U+1F600 is the 12 bytes `\uD83D\uDE00`. The hexadecimal digits are in upper case. `json.dumps` differs in both, so it is not used.
    """
    if id_type == "text":
        if order_id == "":
            raise ValueError("the order id is empty")
        return b'"%s"' % re.sub(r'["\\\x00-\x1f\U00010000-\U0010ffff]', _escaped, order_id).encode()
    if not re.fullmatch(r"0|-?[1-9][0-9]*", order_id):
        raise ValueError(f"the order id {order_id!r} is not a whole number; text ids need the id type 'text'")
    return order_id.encode("ascii")


_SHORT_ESCAPES = {
    '"': r"\"",
    "\\": r"\\",
    "\b": r"\b",
    "\t": r"\t",
    "\n": r"\n",
    "\f": r"\f",
    "\r": r"\r",
}


def _escaped(match: re.Match[str]) -> str:
    char = match[0]
    if char in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[char]
    digits = char.encode("utf-16-be").hex().upper()
    return "".join(rf"\u{digits[at : at + 4]}" for at in range(0, len(digits), 4))


def murmur2(data: bytes) -> int:
    """The hash of Kafka's default partitioner, as a signed number of 32 bits (Apache Kafka, `Utils.murmur2`)."""
    m, mask = 0x5BD1E995, 0xFFFFFFFF
    whole = len(data) - len(data) % 4
    value = 0x9747B28C ^ len(data)
    for at in range(0, whole, 4):
        part = int.from_bytes(data[at : at + 4], "little") * m & mask
        part = (part ^ part >> 24) * m & mask
        value = value * m & mask ^ part
    if len(data) > whole:
        value = (value ^ int.from_bytes(data[whole:], "little")) * m & mask
    value = (value ^ value >> 13) * m & mask
    value ^= value >> 15
    return value - 2**32 if value >= 2**31 else value


def partition_prefix(prefix: str, partition: int) -> str:
    """`{shop:3}:` for the prefix `shop:` and partition 3. The text in braces decides the slot."""
    return f"{{{_shop_name(prefix)}:{partition}}}:"


def shared_prefix(prefix: str) -> str:
    """`{shop}:` for the prefix `shop:`. With it, `Shop` reads the counters and reports, which all partitions share."""
    return f"{{{_shop_name(prefix)}}}:"


def _shop_name(prefix: str) -> str:
    name = re.fullmatch(r"([^{}]+):", prefix)
    if name is None:
        raise ValueError(f"the prefix {prefix!r} is not a name and a colon, such as shop:")
    return name[1]


def main() -> int:
    parser = argparse.ArgumentParser(description="Prints orders and totals from the partitioned layout.")
    parser.add_argument("--url", default="redis://127.0.0.1:6379/0", help="REDIS_URL of the worker")
    parser.add_argument(
        "--cluster", action="store_true", help="Redis is a cluster, and URL is one of its nodes"
    )
    parser.add_argument("--prefix", default="shop:", help="REDIS_KEY_PREFIX of the worker")
    parser.add_argument("--partitions", type=int, default=6, help="number of partitions of the topic")
    parser.add_argument(
        "--id-type", choices=["number", "text"], default="number", help="type of the order id in MySQL"
    )
    parser.add_argument("--money-decimals", type=int, default=2, help="MONEY_DECIMALS of the worker")
    parser.add_argument("--quantity-decimals", type=int, default=0, help="QUANTITY_DECIMALS of the worker")
    parser.add_argument("--order", action="append", default=[], metavar="ID", help="show this order")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args()

    client = RedisCluster if args.cluster else Redis
    with client.from_url(args.url, decode_responses=True) as redis:
        orders: list[dict[str, Any]] = []
        for order_id in args.order:
            partition = partition_of(order_id, args.partitions, args.id_type)
            order = read_order(
                redis, order_id, prefix=args.prefix, partitions=args.partitions, id_type=args.id_type
            )
            key = f"{partition_prefix(args.prefix, partition)}order:{encoded(order_id)}"
            orders.append({"key": key, "order": None if order is None else asdict(order)})
        shared = Shop(
            redis,
            prefix=shared_prefix(args.prefix),
            money_decimals=args.money_decimals,
            quantity_decimals=args.quantity_decimals,
        )
        report = {"totals": asdict(shared.totals()), "orders": orders}
    # A JSON number could lose digits, so a decimal is printed as text.
    print(json.dumps(report, default=lambda value: f"{value:f}", indent=None if args.json else 2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
