/**
 * The comparison at a quiet point. Redis is compared with MySQL, with the fold of the topic, and with a rebuild by a new
 * worker. The quarantine is compared with the bad records in the topic.
 */
import type {Connection} from 'mysql2/promise';
import {compare} from '../comparison.js';
import {workerVariables} from '../environment.js';
import {until} from '../until.js';
import {WorkerProcess} from '../worker.js';
import type {ChaosRedis} from './chaosRedis.js';
import {foldLog, type LogFold} from './logFold.js';
import {contentDifferences, quarantinedNames, readContent} from './redisContent.js';

const REBUILD_TIMEOUT_MS = 240_000;

export interface Judgement {
  readonly orders: number;
  readonly keys: number;
  readonly records: number;
  readonly badRecords: number;
  readonly differences: readonly string[];
}

interface RebuildTask {
  readonly live: ReadonlyMap<string, string>;
  readonly fold: LogFold;
  readonly check: () => void;
}

export class Oracle {
  readonly #mysql: Connection;
  readonly #redis: ChaosRedis;
  #rebuilds = 0;

  constructor({mysql, redis}: {mysql: Connection; redis: ChaosRedis}) {
    this.#mysql = mysql;
    this.#redis = redis;
  }

  /** Compares. The shop must have stopped and everything must be applied. `check` may throw to end this early. */
  async judge(check: () => void): Promise<Judgement> {
    await this.#redis.merged(check);
    const {redis, differences: misplaced} = await this.#redis.readable('live');
    const shop = await compare(this.#mysql, redis);
    const live = await readContent(redis);
    const quarantined = await quarantinedNames(redis);
    const {kafka, topic} = this.#redis.live;
    const fold = await foldLog({brokers: kafka.brokers, topic, check});
    const differences = [
      ...misplaced,
      ...shop.differences,
      ...contentDifferences(['fold of the topic', fold.content], ['Redis', live]),
      ...named('quarantine of Redis', fold.bad, quarantined),
      ...(await this.#rebuild({live, fold, check})),
      ...(await this.#verify()),
    ];
    const {records, bad} = fold;
    return {orders: shop.orders, keys: live.size, records, badRecords: bad.length, differences};
  }

  /** Compares with MySQL only: no row event tells of silent changes, so the fold of the topic lacks them. */
  async differencesFromMysql(): Promise<readonly string[]> {
    const {redis, differences} = await this.#redis.readable('live');
    return [...differences, ...(await compare(this.#mysql, redis)).differences];
  }

  async #rebuild({live, fold, check}: RebuildTask): Promise<string[]> {
    await this.#redis.removeRebuilt();
    const worker = new WorkerProcess({
      ...workerVariables(this.#redis.rebuilt),
      KAFKA_GROUP_ID: `chaos-rebuilt-${++this.#rebuilds}`,
      PROJECTOR_SUMMARY_INTERVAL_MS: '1000',
    });
    try {
      const applied = (): number => {
        const {consumed = 0} = worker.log.findLast(({msg}) => msg === 'summary') ?? {};
        return Number(consumed);
      };
      await until(
        () => {
          check();
          if (!worker.isRunning)
            throw new Error(`the worker of the rebuild ended early: ${worker.output.slice(-2_000)}`);
          return applied() >= fold.records;
        },
        () => `the rebuild of ${fold.records} records (${applied()} applied)`,
        REBUILD_TIMEOUT_MS,
      );
      const {code} = await worker.end('SIGTERM');
      const {redis, differences} = await this.#redis.readable('rebuilt');
      return [
        ...differences,
        ...(code === 0 ? [] : [`the worker of the rebuild ended with exit code ${code ?? '?'}`]),
        ...contentDifferences(['rebuild', await readContent(redis)], ['Redis', live]),
        ...named('quarantine of the rebuild', fold.bad, await quarantinedNames(redis)),
      ];
    } finally {
      await worker.end('SIGKILL');
      await this.#redis.removeRebuilt();
    }
  }

  /** `projector verify`. In the layout `single`, the audit compares in the same way. */
  async #verify(): Promise<string[]> {
    if (this.#redis.kind === 'single') return [];
    const command = new WorkerProcess(workerVariables(this.#redis.live), ['verify', '--wait', '60']);
    const {code} = await command.exited;
    return code === 0 ? [] : [`verify ended with exit code ${code ?? '?'}: ${command.output}`];
  }
}

function named(where: string, expected: readonly string[], found: readonly string[]): string[] {
  return [
    ...expected.filter((name) => !found.includes(name)).map((name) => `${where}: ${name} is missing`),
    ...found
      .filter((name) => !expected.includes(name))
      .map((name) => `${where}: ${name} is not a bad record`),
  ];
}
