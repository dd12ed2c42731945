/** One worker process on the servers of this test run. A test writes to MySQL and reads the result from Redis. */
import {Redis} from 'ioredis';
import {createConnection, type Connection, type ResultSetHeader, type RowDataPacket} from 'mysql2/promise';
import {compare} from '../../stack/comparison.js';
import {WorkerProcess} from '../../stack/worker.js';
import {inTransaction} from '../../stack/workload.js';
import {partitionOf} from './kafka.js';
import {shopOfFile} from './shop.js';
import {testStack, variables} from './stack.js';
import {until} from './until.js';

/** Short sessions, so that Kafka notices a dead worker soon, and short fetches. */
export const QUICK = {
  KAFKA_SESSION_TIMEOUT_MS: '6000',
  KAFKA_HEARTBEAT_INTERVAL_MS: '500',
  KAFKA_MAX_WAIT_MS: '100',
  KAFKA_COMMIT_INTERVAL_MS: '500',
} as const;

export type Variables = Readonly<Record<string, string>>;

/** Starts a worker. `name` is its group and its key prefix. It reads the topic of this file's shop, if there is one. */
export function startWorker(name: string, extra: Variables = {}): WorkerProcess {
  return new WorkerProcess({
    ...variables(),
    ...QUICK,
    REDIS_KEY_PREFIX: `${name}:`,
    KAFKA_GROUP_ID: name,
    ...extra,
  });
}

/** A connection to this file's shop. It returns numbers and times as MySQL's text. */
export async function connectMysql(): Promise<Connection> {
  await shopOfFile();
  const {host, port, user, password, database} = testStack().env.mysql;
  return await createConnection({
    host,
    port,
    user,
    password,
    database,
    charset: 'utf8mb4',
    timezone: 'Z',
    dateStrings: true,
    supportBigNumbers: true,
    bigNumberStrings: true,
  });
}

export {inTransaction};

const PARTITIONS = 6;
let nonce = Date.now() * 1_000;

/**
 * Resolves when all changes made before this call are applied under each prefix. It writes one marker order for each
 * partition. When a marker is applied, so are all earlier changes of its partition: the connector writes in binlog order,
 * and the worker applies in offset order.
 */
export async function whenApplied(
  {mysql, redis}: {mysql: Connection; redis: Redis},
  prefixes: readonly string[],
  {check, timeoutMs = 30_000}: {check?: () => void; timeoutMs?: number} = {},
): Promise<void> {
  const mark = String(++nonce);
  const ids = markerIds();
  await mysql.query(
    `INSERT INTO orders (id, user_id, total_amount) VALUES ${ids.map(() => '(?, ?, 0)').join(', ')}
     ON DUPLICATE KEY UPDATE user_id = VALUES(user_id)`,
    ids.flatMap((id) => [id, mark]),
  );
  const missing = new Set(prefixes.flatMap((prefix) => ids.map((id) => `${prefix}order:${id}`)));
  await until(
    async () => {
      check?.();
      const keys = [...missing];
      const found = await Promise.all(keys.map(async (key) => await redis.hget(key, 'user_id')));
      keys.forEach((key, i) => found[i] === mark && missing.delete(key));
      return missing.size === 0;
    },
    () => `the marker orders ${[...missing].join(', ')} to appear in Redis`,
    timeoutMs,
  );
}

/** One id for each partition. They are negative, because explicit positive ids would change AUTO_INCREMENT. */
function markerIds(): number[] {
  const byPartition = new Map<number, number>();
  for (let id = -1; byPartition.size < PARTITIONS; id--) {
    const partition = partitionOf(String(id), PARTITIONS);
    if (!byPartition.has(partition)) byPartition.set(partition, id);
  }
  return [...byPartition.values()];
}

/** A user or product id that no other test uses. It is below 2^53. */
export function freshId(): string {
  return String(++nonce);
}

export interface PlacedOrder {
  readonly id: string;
  readonly user: string;
  /** The ids of the line items, in the given order. */
  readonly lines: readonly string[];
}

export class Pipeline {
  readonly name: string;
  readonly mysql: Connection;
  readonly redis: Redis;
  worker: WorkerProcess;

  private constructor(name: string, mysql: Connection, worker: WorkerProcess) {
    this.name = name;
    this.mysql = mysql;
    this.worker = worker;
    this.redis = new Redis(testStack().env.redis.url);
  }

  static async open(name: string, extra: Variables = {}): Promise<Pipeline> {
    const mysql = await connectMysql();
    return new Pipeline(name, mysql, startWorker(name, extra));
  }

  get prefix(): string {
    return `${this.name}:`;
  }

  async sql(text: string, values: readonly unknown[] = []): Promise<void> {
    await this.mysql.query(text, [...values]);
  }

  /** Inserts a row and returns its id. */
  async insert(text: string, values: readonly unknown[] = []): Promise<string> {
    const [result] = await this.mysql.query<ResultSetHeader>(text, [...values]);
    return String(result.insertId);
  }

  async rows(text: string, values: readonly unknown[] = []): Promise<Record<string, string>[]> {
    const [rows] = await this.mysql.query<RowDataPacket[]>(text, [...values]);
    return rows;
  }

  /** Inserts an order with its line items in one transaction. */
  async placeOrder(
    amount: string,
    items: readonly (readonly [product: string, quantity: number])[],
  ): Promise<PlacedOrder> {
    const user = freshId();
    return await inTransaction(this.mysql, async () => {
      const id = await this.insert('INSERT INTO orders (user_id, total_amount) VALUES (?, ?)', [
        user,
        amount,
      ]);
      const lines: string[] = [];
      for (const [product, quantity] of items) lines.push(await this.addLine(id, product, quantity));
      return {id, user, lines};
    });
  }

  /** Inserts a line item and returns its id. */
  async addLine(orderId: string, product: string, quantity: number): Promise<string> {
    return await this.insert(
      'INSERT INTO order_items (order_id, product_id, quantity, unit_price) VALUES (?, ?, ?, 1.50)',
      [orderId, product, quantity],
    );
  }

  /** Resolves when all changes so far are in Redis. Rejects if the worker ends before that. */
  async applied(timeoutMs = 30_000): Promise<void> {
    const check = (): void => {
      if (!this.worker.isRunning)
        throw new Error(`the worker has ended. The end of its output: ${this.worker.output.slice(-2_000)}`);
    };
    await whenApplied(this, [this.prefix], {check, timeoutMs});
  }

  async order(id: string): Promise<Record<string, string>> {
    return await this.redis.hgetall(`${this.prefix}order:${id}`);
  }

  /** Item id -> `product_id:quantity`. */
  async lines(orderId: string): Promise<Record<string, string>> {
    const text = (await this.redis.get(`${this.prefix}order_lines:${orderId}`)) ?? '';
    return Object.fromEntries(
      text === ''
        ? []
        : text.split(';').map((line) => [line.replace(/:.*/, ''), line.replace(/^-?\d+:/, '')]),
    );
  }

  async sold(product: string): Promise<string | null> {
    return await this.redis.get(`${this.prefix}product:${product}:sold`);
  }

  /** The score of a member in report:products or report:users. */
  async reported(report: 'products' | 'users', member: string): Promise<string | null> {
    return await this.redis.zscore(`${this.prefix}report:${report}`, member);
  }

  async totals(): Promise<{orders: bigint; units: bigint; revenue: bigint}> {
    const {
      orders = '0',
      units = '0',
      revenue = '0',
    } = await this.redis.hgetall(`${this.prefix}report:totals`);
    return {orders: BigInt(orders), units: BigInt(units), revenue: BigInt(revenue)};
  }

  async differences(): Promise<readonly string[]> {
    return (await compare(this.mysql, this.redis, {prefix: this.prefix})).differences;
  }

  async close(): Promise<void> {
    await this.worker.end('SIGTERM');
    this.redis.disconnect();
    await this.mysql.end();
  }
}
