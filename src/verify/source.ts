/**
 * Both sides of a comparison, and how subjects are looked at again: MySQL first, then Redis.
 */
import type {RowQuery, TextRow} from '../clients/mysql.js';
import type {SourceSchema} from '../decode/schema.js';
import {isOwnKey, keysWithPrefix, type Keys} from '../keys.js';
import {readSourceOrders} from '../sourceRows.js';
import type {Comparison, SubjectKind} from './finding.js';
import {compareOrders, type OrderHost} from './orders.js';
import {compareProducts, compareTotals, compareUsers, sumQuestions, sumsOf, type SumHost} from './sums.js';

/** MySQL (clients/mysql.ts). */
export interface MysqlHost {
  consistentSnapshot<T>(work: (ask: RowQuery) => Promise<T>): Promise<T>;
  stream(sql: string, pageRows: number): AsyncIterable<TextRow[]>;
}

/** Redis (clients/redis.ts). */
export interface RedisHost extends OrderHost, SumHost {
  keys(): AsyncIterable<readonly string[]>;
  members(key: string): AsyncIterable<readonly string[]>;
  /** What is under each key: `string`, `hash`, ..., `none`. */
  types(keys: readonly string[]): Promise<string[]>;
}

export class Sides {
  readonly mysql: MysqlHost;
  readonly redis: RedisHost;
  readonly schema: SourceSchema;
  readonly keys: Keys;
  readonly prefix: string;

  constructor({
    mysql,
    redis,
    schema,
    prefix,
  }: {
    mysql: MysqlHost;
    redis: RedisHost;
    schema: SourceSchema;
    prefix: string;
  }) {
    this.mysql = mysql;
    this.redis = redis;
    this.schema = schema;
    this.prefix = prefix;
    this.keys = keysWithPrefix(prefix);
  }

  get orderSettings(): {keys: Keys; extraColumns: readonly string[]} {
    return {keys: this.keys, extraColumns: this.schema.extraColumns.map(({name}) => name)};
  }

  /** Every id is in the answer. */
  async compare(kind: SubjectKind, ids: readonly string[]): Promise<Comparison> {
    const {mysql, redis, schema, keys} = this;
    const decimals = schema.moneyDecimals;
    switch (kind) {
      case 'order': {
        const source = await mysql.consistentSnapshot(
          async (ask) => await readSourceOrders(ask, ids, schema),
        );
        return await compareOrders(redis, source, this.orderSettings);
      }
      case 'product':
        return await compareProducts(redis, await this.#sums('products', ids, 0), keys);
      case 'user':
        return await compareUsers(redis, await this.#sums('users', ids, decimals), keys);
      case 'totals': {
        const [row] = await mysql.consistentSnapshot(
          async (ask) => await ask(sumQuestions(schema).totals, []),
        );
        return await compareTotals(redis, row, {keys, decimals});
      }
      case 'key':
        return await this.#malformed(ids);
    }
  }

  /** A key within the names of the read model that is none of its keys. Others are not our business. */
  isMalformed(key: string): boolean {
    if (!key.startsWith(this.prefix) || isOwnKey(key, this.prefix)) return false;
    return /^(?:order:|order_lines:|report:|projector:|product:.*:sold$)/.test(key.slice(this.prefix.length));
  }

  async #malformed(ids: readonly string[]): Promise<Comparison> {
    const types = await this.redis.types(ids);
    return new Map(
      ids.map((key, index) => {
        const type = types[index] ?? 'none';
        if (type === 'none') return [key, []];
        return [key, [{kind: 'key-malformed', key, field: null, expected: null, found: `a ${type}`}]];
      }),
    );
  }

  /** Sums of these ids, '0' where MySQL has none. */
  async #sums(
    which: 'products' | 'users',
    ids: readonly string[],
    decimals: number,
  ): Promise<Map<string, string>> {
    const question = sumQuestions(this.schema, ids)[which];
    const rows = await this.mysql.consistentSnapshot(async (ask) => await ask(question, []));
    const found = sumsOf(rows, decimals);
    return new Map(ids.map((id) => [id, found.get(id) ?? '0']));
  }
}
