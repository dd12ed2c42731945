/**
 * Reads orders and totals in the partitioned layout (`REDIS_LAYOUT=partitioned`), from Redis Cluster or from one Redis.
 *
 * The keys of Kafka partition 3 have the prefix `{shop:3}:`, those of counters and reports `{shop}:` (docs/cluster.md). The partition of an
 * order follows from its id, as in Kafka's default partitioner. So a reader needs one command to read an order, and no lookup.
 */
import {Buffer} from 'node:buffer';
import {parseArgs} from 'node:util';
import {pathToFileURL} from 'node:url';
import {Cluster, Redis} from 'ioredis';
import {encoded, Shop} from './shop-report.mjs';

/**
 * @typedef {'number' | 'text'} IdType The type of the column of the order id. TINYINT to BIGINT are `number`. CHAR, VARCHAR, TEXT, BINARY
 *   and VARBINARY are `text`. An id of digits in a VARCHAR column is `text`: its bytes in Kafka differ from those of the number.
 * @typedef {{prefix: string, partitions: number, idType?: IdType}} Layout `prefix` is REDIS_KEY_PREFIX of the worker, and `partitions` the
 *   number of partitions of the topic. With another number, orders are not found.
 */

/**
 * One order with its line items, or null.
 *
 * @param {Redis | Cluster} redis
 * @param {string} orderId the id as MySQL prints it
 * @param {Layout} layout
 */
export async function readOrder(redis, orderId, {prefix, partitions, idType = 'number'}) {
  const partition = partitionOf(orderId, partitions, idType);
  return await new Shop(redis, {prefix: partitionPrefix(prefix, partition)}).order(orderId);
}

/**
 * The Kafka partition of an order: murmur2 of the record key, made positive, modulo the number of partitions.
 *
 * @param {string} orderId the id as MySQL prints it
 * @param {number} partitions the number of partitions of the topic
 * @param {IdType} [idType]
 */
export function partitionOf(orderId, partitions, idType = 'number') {
  if (!Number.isInteger(partitions) || partitions < 1)
    throw new RangeError(`the number of partitions is ${partitions}; it must be a whole number from 1 on`);
  return (murmur2(recordKey(orderId, idType)) & 0x7fffffff) % partitions;
}

/**
 * The bytes of the record key, as Debezium's connector writes them with Kafka Connect's JsonConverter and `schemas.enable=false`:
 *
 * - number: the decimal digits in ASCII, with `-` before a negative number. 123 is the 3 bytes 31 32 33.
 * - text: a JSON string in UTF-8, with its quotes. `a:b` is the 5 bytes 22 61 3a 62 22. The text is not percent-encoded. Bytes of a
 *   BINARY column are their hexadecimal digits in lower case.
 *
 * In a JSON string, JsonConverter escapes `"`, `\`, control characters below U+0020, and every character beyond U+FFFF as two escapes:
 * U+1F600 is the 12 bytes `\uD83D\uDE00`. The hexadecimal digits are in upper case. `JSON.stringify` differs in both, so it is not used.
 *
 * @param {string} orderId the id as MySQL prints it
 * @param {IdType} [idType]
 */
export function recordKey(orderId, idType = 'number') {
  if (idType === 'text') {
    if (orderId === '') throw new RangeError('the order id is empty');
    // The first range begins with a space (U+0020). Without the flag `u`, both halves of a character beyond U+FFFF match.
    return Buffer.from(`"${orderId.replace(/["\\]|[^ -\ud7ff\ue000-\uffff]/g, escaped)}"`, 'utf8');
  }
  if (!/^(?:0|-?[1-9][0-9]*)$/.test(orderId))
    throw new RangeError(
      `the order id ${JSON.stringify(orderId)} is not a whole number; text ids need idType 'text'`,
    );
  return Buffer.from(orderId, 'latin1');
}

const SHORT_ESCAPES = new Map(
  Object.entries({'"': '\\"', '\\': '\\\\', '\b': '\\b', '\t': '\\t', '\n': '\\n', '\f': '\\f', '\r': '\\r'}),
);

/** @param {string} char */
function escaped(char) {
  return SHORT_ESCAPES.get(char) ?? `\\u${char.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
}

/**
 * The hash of Kafka's default partitioner, as a signed number of 32 bits (Apache Kafka, `Utils.murmur2`). `Math.imul` multiplies such
 * numbers as Java does.
 *
 * @param {Uint8Array} data
 */
export function murmur2(data) {
  const m = 0x5bd1e995;
  const {length} = data;
  /** @param {number} at */
  const byte = (at) => data[at] ?? 0;
  const whole = length - (length % 4);
  let hash = 0x9747b28c ^ length;
  for (let at = 0; at < whole; at += 4) {
    let part = byte(at) | (byte(at + 1) << 8) | (byte(at + 2) << 16) | (byte(at + 3) << 24);
    part = Math.imul(part, m);
    part = Math.imul(part ^ (part >>> 24), m);
    hash = Math.imul(hash, m) ^ part;
  }
  if (length > whole) {
    for (let at = whole; at < length; at++) hash ^= byte(at) << (8 * (at - whole));
    hash = Math.imul(hash, m);
  }
  hash = Math.imul(hash ^ (hash >>> 13), m);
  return hash ^ (hash >>> 15);
}

/**
 * `{shop:3}:` for the prefix `shop:` and partition 3. The text in braces decides the slot.
 *
 * @param {string} prefix
 * @param {number} partition
 */
export function partitionPrefix(prefix, partition) {
  return `{${shopName(prefix)}:${partition}}:`;
}

/**
 * `{shop}:` for the prefix `shop:`. With it, `Shop` reads the counters and reports, which all partitions share.
 *
 * @param {string} prefix
 */
export function sharedPrefix(prefix) {
  return `{${shopName(prefix)}}:`;
}

/** @param {string} prefix */
function shopName(prefix) {
  const name = /^([^{}]+):$/.exec(prefix)?.[1];
  if (name === undefined)
    throw new RangeError(`the prefix ${JSON.stringify(prefix)} is not a name and a colon, such as shop:`);
  return name;
}

const USAGE = `Prints orders and totals from the partitioned layout.

  --url URL               REDIS_URL of the worker (redis://127.0.0.1:6379/0)
  --cluster               Redis is a cluster, and URL is one of its nodes
  --prefix TEXT           REDIS_KEY_PREFIX of the worker (shop:)
  --partitions N          number of partitions of the topic (6)
  --id-type TYPE          type of the order id in MySQL, number or text (number)
  --money-decimals N      MONEY_DECIMALS of the worker (2)
  --quantity-decimals N   QUANTITY_DECIMALS of the worker (0)
  --order ID              show this order; may be repeated
  --json                  print JSON`;

/** @returns {Promise<number>} the exit code */
async function main() {
  const {values} = parseArgs({
    options: {
      url: {type: 'string', default: 'redis://127.0.0.1:6379/0'},
      cluster: {type: 'boolean', default: false},
      prefix: {type: 'string', default: 'shop:'},
      partitions: {type: 'string', default: '6'},
      'id-type': {type: 'string', default: 'number'},
      'money-decimals': {type: 'string', default: '2'},
      'quantity-decimals': {type: 'string', default: '0'},
      order: {type: 'string', multiple: true, default: []},
      json: {type: 'boolean', default: false},
      help: {type: 'boolean', default: false},
    },
  });
  if (values.help) {
    console.log(USAGE);
    return 0;
  }
  const {prefix, 'id-type': idType} = values;
  if (idType !== 'number' && idType !== 'text') throw new RangeError('--id-type must be number or text');
  const partitions = Number(values.partitions);
  const redis = connect(values.url, values.cluster);
  // The pending command rejects with the error. Without this listener ioredis would print it too.
  redis.on('error', () => undefined);
  try {
    const shared = new Shop(redis, {
      prefix: sharedPrefix(prefix),
      moneyDecimals: Number(values['money-decimals']),
      quantityDecimals: Number(values['quantity-decimals']),
    });
    const orders = await Promise.all(
      values.order.map(async (id) => ({
        key: `${partitionPrefix(prefix, partitionOf(id, partitions, idType))}order:${encoded(id)}`,
        order: await readOrder(redis, id, {prefix, partitions, idType}),
      })),
    );
    const report = {totals: await shared.totals(), orders};
    if (values.json) console.log(JSON.stringify(report));
    else console.dir(report, {depth: null});
    return 0;
  } finally {
    redis.disconnect();
  }
}

/**
 * @param {string} url
 * @param {boolean} isCluster
 */
function connect(url, isCluster) {
  if (!isCluster) return new Redis(url, {maxRetriesPerRequest: 1});
  // The client finds the other nodes through this one. They have the same user and password.
  const {protocol, username, password} = new URL(url);
  const redisOptions = {username: decodeURIComponent(username), password: decodeURIComponent(password)};
  return new Cluster([url], {
    redisOptions: protocol === 'rediss:' ? {...redisOptions, tls: {}} : redisOptions,
    clusterRetryStrategy: () => null,
  });
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) process.exitCode = await main();
