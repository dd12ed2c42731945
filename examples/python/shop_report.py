"""Reads the order projector's read model from Redis: totals, best sellers, top spenders, single orders.

It uses only keys that docs/redis.md describes as the contract for readers, and only commands that the Redis user `reports` of
deploy/acl/redis.acl may run. All amounts are exact decimals.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any, Literal, cast
from urllib.parse import quote, unquote

from redis import Redis, RedisCluster
from redis.backoff import NoBackoff
from redis.exceptions import BusyLoadingError
from redis.retry import Retry

State = Literal["filled", "empty", "building", "loading"]


@dataclass(frozen=True)
class LineItem:
    product_id: str | None
    """None if the line item has no product."""
    quantity: Decimal


@dataclass(frozen=True)
class Order:
    id: str
    user_id: str | None
    """None if nobody is the buyer (a guest)."""
    total_amount: Decimal
    items: tuple[LineItem, ...]


@dataclass(frozen=True)
class BestSeller:
    product_id: str
    units_sold: Decimal


@dataclass(frozen=True)
class TopSpender:
    user_id: str
    spent: Decimal


@dataclass(frozen=True)
class Totals:
    orders: int
    units: Decimal
    revenue: Decimal


class Shop:
    """A read model. Prefix and decimals must be those of the worker.

    `redis` must decode replies as text (`decode_responses=True`). Each method reads one moment, but two calls may read different ones.
    """

    def __init__(
        self,
        redis: Redis | RedisCluster,
        *,
        prefix: str = "",
        money_decimals: int = 2,
        quantity_decimals: int = 0,
    ) -> None:
        self._redis = redis
        self._prefix = prefix
        self._money_decimals = money_decimals
        self._quantity_decimals = quantity_decimals

    def state(self) -> State:
        """Tells a shop without orders ("filled") from a Redis that holds no read model.

        - "filled": a worker or an initial load has written it. How far it is: `lagRecords` of the worker's /status.
        - "empty": nobody has written it, the prefix or the database is wrong, or Redis has lost its data.
        - "building": this is a staging database, whose content is not complete.
        - "loading": Redis reads its data from disk.
        """
        try:
            layout, mark = self._redis.mget(self._key("projector:layout"), self._key("projector:staging"))
        except BusyLoadingError:
            return "loading"
        if mark is not None:
            return "building"
        return "empty" if layout is None else "filled"

    def order(self, order_id: str) -> Order | None:
        """One order with its line items, or None. `order_id` is the id as MySQL prints it."""
        fields = self._hash(f"order:{encoded(order_id)}")
        if not fields:
            return None
        return Order(
            id=unquote(fields["id"]),
            user_id=unquote(fields.get("user_id", "")) or None,
            total_amount=Decimal(fields["total_amount"]),
            items=parse_items(fields["items"]),
        )

    def best_sellers(self, top: int = 10) -> list[BestSeller]:
        """Products by units sold, highest first."""
        rows = self._highest("report:products", top)
        return [BestSeller(unquote(member), scaled(score, self._quantity_decimals)) for member, score in rows]

    def top_spenders(self, top: int = 10) -> list[TopSpender]:
        """Buyers by money spent, highest first. Orders of guests are not in it."""
        rows = self._highest("report:users", top)
        return [TopSpender(unquote(member), scaled(score, self._money_decimals)) for member, score in rows]

    def units_sold(self, product_id: str) -> Decimal:
        text = cast("str | None", self._redis.get(self._key(f"product:{encoded(product_id)}:sold")))
        return scaled(text or 0, self._quantity_decimals)

    def totals(self) -> Totals:
        fields = self._hash("report:totals")
        return Totals(
            orders=int(fields.get("orders", 0)),
            units=scaled(fields.get("units", 0), self._quantity_decimals),
            revenue=scaled(fields.get("revenue", 0), self._money_decimals),
        )

    # The types of redis-py allow bytes. With decode_responses=True there are none.
    def _hash(self, name: str) -> dict[str, str]:
        return cast("dict[str, str]", self._redis.hgetall(self._key(name)))

    def _highest(self, name: str, top: int) -> list[tuple[str, float]]:
        # ZREVRANGE 0 -1 would return everything, so top=0 must not reach Redis.
        rows = self._redis.zrevrange(self._key(name), 0, top - 1, withscores=True) if top > 0 else []
        return cast("list[tuple[str, float]]", rows)

    def _key(self, name: str) -> str:
        return f"{self._prefix}{name}"


def encoded(text: str) -> str:
    """An id as it is in keys: every character except letters, digits and -._~ is percent-encoded."""
    return quote(text, safe="")


def scaled(smallest_units: str | float, decimals: int) -> Decimal:
    """`4599` with 2 decimals is 45.99. A score is a float, and exact up to 2**53."""
    return Decimal(int(smallest_units)).scaleb(-decimals)


def parse_items(text: str) -> tuple[LineItem, ...]:
    """`product_id:10,quantity:1;product_id:15,quantity:3` as line items. Ids contain neither `:` nor `,` nor `;`."""
    return tuple(_line_item(part) for part in text.split(";")) if text else ()


def _line_item(text: str) -> LineItem:
    fields = dict(field.split(":") for field in text.split(","))
    return LineItem(unquote(fields["product_id"]) or None, Decimal(fields["quantity"]))


def main() -> int:
    parser = argparse.ArgumentParser(description="Prints the report of a shop from Redis.")
    parser.add_argument("--url", default="redis://127.0.0.1:6379/0", help="REDIS_URL of the worker")
    parser.add_argument("--prefix", default="", help="REDIS_KEY_PREFIX of the worker")
    parser.add_argument("--money-decimals", type=int, default=2, help="MONEY_DECIMALS of the worker")
    parser.add_argument("--quantity-decimals", type=int, default=0, help="QUANTITY_DECIMALS of the worker")
    parser.add_argument("--top", type=int, default=10, help="maximum number of rows per list")
    parser.add_argument("--order", action="append", default=[], metavar="ID", help="show this order too")
    parser.add_argument("--json", action="store_true", help="print JSON")
    args = parser.parse_args()

    # Without a retry, "loading" is reported at once.
    with Redis.from_url(args.url, decode_responses=True, retry=Retry(NoBackoff(), 0)) as redis:
        shop = Shop(
            redis,
            prefix=args.prefix,
            money_decimals=args.money_decimals,
            quantity_decimals=args.quantity_decimals,
        )
        state = shop.state()
        if state != "filled":
            print(f"no report: the read model is {state}", file=sys.stderr)
            return 1
        report: dict[str, Any] = {
            "totals": asdict(shop.totals()),
            "best_sellers": [asdict(row) for row in shop.best_sellers(args.top)],
            "top_spenders": [asdict(row) for row in shop.top_spenders(args.top)],
            "orders": [asdict(order) for order in map(shop.order, args.order) if order is not None],
        }
    if args.json:
        # A JSON number could lose digits, so a decimal is printed as text.
        print(json.dumps(report, default=lambda value: f"{value:f}"))
        return 0
    for name, rows in report.items():
        print(name)
        for row in rows if isinstance(rows, list) else [rows]:
            print("  ", *(f"{field}={value}" for field, value in row.items()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
