/**
 * Writes marker orders, one for each partition. When a marker is in Redis, so are all earlier changes of its partition,
 * because the connector writes in binlog order and the worker applies in offset order.
 */
import type {Redis} from 'ioredis';
import kafkajs from 'kafkajs';
import type {Connection} from 'mysql2/promise';
import {until} from '../until.js';

/** The number of partitions in connectors/orders.json. */
export const PARTITIONS = 6;
/** ER_LOCK_WAIT_TIMEOUT and ER_LOCK_DEADLOCK. */
const TRY_AGAIN = new Set([1205, 1213]);
const LATER = /\b(?:BUSY|LOADING) /;

export class Markers {
  readonly #mysql: Connection;
  readonly #redis: Redis;
  readonly #ids = markerIds();
  #mark = Date.now() * 1_000;

  constructor(mysql: Connection, redis: Redis) {
    this.#mysql = mysql;
    this.#redis = redis;
  }

  /** Writes the markers and resolves when they are in Redis. `check` may throw to end the wait. */
  async applied({check, timeoutMs}: {check: () => void; timeoutMs: number}): Promise<void> {
    const mark = await this.#place();
    let missing: number[] = [];
    await until(
      async () => {
        check();
        const found = await this.#read();
        // A later marker also proves that this one was applied.
        missing = this.#ids.filter((_, i) => !(Number(found[i]) >= mark));
        return missing.length === 0;
      },
      () => `the marker orders ${missing.join(', ')} to appear in Redis`,
      timeoutMs,
    );
  }

  /** The stored markers. Empty while Redis returns BUSY or LOADING. */
  async #read(): Promise<(string | null)[]> {
    try {
      return await Promise.all(this.#ids.map(async (id) => await this.#redis.hget(`order:${id}`, 'user_id')));
    } catch (error) {
      if (LATER.test(String(error))) return [];
      throw error;
    }
  }

  async #place(): Promise<number> {
    const mark = ++this.#mark;
    const rows = this.#ids.map(() => '(?, ?, 0)').join(', ');
    for (;;) {
      try {
        await this.#mysql.query(
          `INSERT INTO orders (id, user_id, total_amount) VALUES ${rows}
           ON DUPLICATE KEY UPDATE user_id = VALUES(user_id)`,
          this.#ids.flatMap((id) => [id, mark]),
        );
        return mark;
      } catch (error) {
        if (!TRY_AGAIN.has((error as {errno?: number}).errno ?? 0)) throw error;
      }
    }
  }
}

/** One id for each partition. They are negative, because explicit positive ids would change AUTO_INCREMENT. */
function markerIds(): number[] {
  const partitionMetadata = Array.from({length: PARTITIONS}, (_, partitionId) => ({
    partitionId,
    partitionErrorCode: 0,
    leader: 1,
    replicas: [1],
    isr: [1],
  }));
  const partitionOf = kafkajs.Partitioners.DefaultPartitioner();
  const byPartition = new Map<number, number>();
  for (let id = -1; byPartition.size < PARTITIONS; id--) {
    const message = {key: String(id), value: null};
    const partition = partitionOf({topic: 'any', partitionMetadata, message});
    if (!byPartition.has(partition)) byPartition.set(partition, id);
  }
  return [...byPartition.values()];
}
