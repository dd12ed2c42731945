/**
 * Writes marker orders, one for each partition. When a marker is in Redis, so are all earlier changes of its partition,
 * because the connector writes in binlog order and the worker applies in offset order.
 */
import type {Connection} from 'mysql2/promise';
import {until} from '../until.js';
import type {ChaosRedis} from './chaosRedis.js';
import {PARTITIONS, partitionOf} from './orderPartitions.js';

/** ER_LOCK_WAIT_TIMEOUT and ER_LOCK_DEADLOCK. */
const TRY_AGAIN = new Set([1205, 1213]);
const LATER = /\b(?:BUSY|LOADING) /;

export class Markers {
  readonly #mysql: Connection;
  readonly #redis: ChaosRedis;
  readonly #ids = markerIds();
  #mark = Date.now() * 1_000;

  constructor(mysql: Connection, redis: ChaosRedis) {
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

  /** The stored markers. Empty while Redis returns BUSY or LOADING, and while a node of a cluster does not respond. */
  async #read(): Promise<(string | null)[]> {
    try {
      return await Promise.all(this.#ids.map(async (id) => await this.#redis.orderField(id, 'user_id')));
    } catch (error) {
      if (this.#redis.kind === 'cluster' || LATER.test(String(error))) return [];
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
  const byPartition = new Map<number, number>();
  for (let id = -1; byPartition.size < PARTITIONS; id--) {
    const partition = partitionOf(id);
    if (!byPartition.has(partition)) byPartition.set(partition, id);
  }
  return [...byPartition.values()];
}
