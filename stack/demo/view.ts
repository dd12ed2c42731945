/** Reads what the demo prints: the progress of MySQL, Kafka and Redis, and one order as both sides hold it. */
import {Redis} from 'ioredis';
import mysql, {type Connection, type RowDataPacket} from 'mysql2/promise';
import {keySpace} from '../../src/redis-model/keys.js';
import {StoredPositions} from '../../src/redis-model/storedPositions.js';
import {KafkaTopic} from '../../src/clients/kafka/admin.js';
import {RedisClient} from '../../src/clients/redis/client.js';
import {bestSellers} from '../../src/operations/report/report.js';
import {readLag} from '../../src/observe/lag.js';
import {compare, type Comparison} from '../comparison.js';
import type {StackEnv} from '../stack.js';
import {workerVariables} from '../stack.js';

const REPORT = {prefix: '', moneyDecimals: 2, quantityDecimals: 0};

export interface Flow {
  /** Records in the topic since its creation, and how many of them the worker has not applied. */
  readonly logged: bigint;
  readonly lagRecords: bigint;
  readonly ordersInRedis: string;
  readonly bestSellers: string;
}

/** Holds one connection to each of MySQL, Kafka and Redis. The Redis data is only read. */
export class View {
  readonly #mysql: Connection;
  readonly #redis: Redis;
  readonly #client: RedisClient;
  readonly #positions: StoredPositions;
  readonly #topic: KafkaTopic;

  private constructor(mysqlConnection: Connection, env: StackEnv) {
    this.#mysql = mysqlConnection;
    this.#redis = new Redis(env.redis.url);
    this.#client = new RedisClient({url: env.redis.url, timeoutMs: 5_000});
    this.#positions = new StoredPositions(this.#client, env.topic, keySpace('single', ''));
    const kafka = {
      clientId: 'demo',
      tls: null,
      sasl: null,
      connectionTimeoutMs: 3_000,
      requestTimeoutMs: 30_000,
    };
    this.#topic = new KafkaTopic({...kafka, brokers: env.kafka.brokers}, env.topic);
  }

  static async open(env: StackEnv): Promise<View> {
    const connection = await mysql.createConnection({uri: workerVariables(env)['MYSQL_URL'] ?? ''});
    const view = new View(connection, env);
    await view.#client.connect();
    return view;
  }

  async flow(): Promise<Flow> {
    const ranges = await this.#topic.ranges();
    const rows = await readLag(this.#topic, this.#positions, ranges.size);
    const sellers = await bestSellers(this.#client, REPORT, 3);
    return {
      logged: rows.reduce((sum, row) => sum + row.end, 0n),
      lagRecords: rows.reduce((sum, row) => sum + row.lagRecords, 0n),
      ordersInRedis: (await this.#redis.hget('report:totals', 'orders')) ?? '0',
      bestSellers: sellers
        .map(({productId, unitsSold}) => `product ${productId} (${unitsSold} sold)`)
        .join(', '),
    };
  }

  /**
   * The rows of a recent order in MySQL and its hash in Redis. Older orders are tried when the newest are not applied. Empty if none of
   * them is applied.
   */
  async sample(): Promise<string[]> {
    for (const back of [0, 50, 500, 2_000, 5_000, 20_000]) {
      const [rows] = await this.#mysql.query<RowDataPacket[]>(
        'SELECT CAST(id AS CHAR) id, user_id, total_amount FROM orders ORDER BY orders.id DESC LIMIT 1 OFFSET ?',
        [back],
      );
      const order = rows[0];
      const hash = await this.#redis.hgetall(`order:${String(order?.['id'])}`);
      if (order === undefined || hash['id'] === undefined) continue;
      const [lines] = await this.#mysql.query<RowDataPacket[]>(
        'SELECT product_id, quantity FROM order_items WHERE order_id = ? ORDER BY id',
        [order['id']],
      );
      const items = lines
        .map((line) => `${String(line['product_id'])} x ${String(line['quantity'])}`)
        .join(', ');
      const {id, user_id: user = '', total_amount: amount = '', items: text = ''} = hash;
      return [
        `  MySQL  order ${id}: user ${String(order['user_id'])}, total ${String(order['total_amount'])}, items ${items}`,
        `  Redis  order:${id}: user ${user}, total ${amount}, items ${text}`,
      ];
    }
    return [];
  }

  /** Whether Redis holds an order. */
  async hasOrders(): Promise<boolean> {
    return Number(await this.#redis.hget('report:totals', 'orders')) > 0;
  }

  /** The newest order that has a line item, and the product of that item. */
  async newest(): Promise<{orderId: string; productId: string}> {
    const [rows] = await this.#mysql.query<RowDataPacket[]>(
      'SELECT CAST(order_id AS CHAR) orderId, CAST(product_id AS CHAR) productId FROM order_items ORDER BY id DESC LIMIT 1',
    );
    return {orderId: String(rows[0]?.['orderId'] ?? '1'), productId: String(rows[0]?.['productId'] ?? '1')};
  }

  async compare(): Promise<Comparison> {
    return await compare(this.#mysql, this.#redis);
  }

  async close(): Promise<void> {
    this.#redis.disconnect();
    this.#client.close();
    await this.#topic.close();
    await this.#mysql.end();
  }
}
