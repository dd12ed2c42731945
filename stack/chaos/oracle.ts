/**
 * The comparison at a quiet point. Redis is compared with MySQL, with the fold of the topic, and with a rebuild by a new
 * worker. The quarantine is compared with the bad records in the topic.
 */
import {Redis} from 'ioredis';
import type {Connection} from 'mysql2/promise';
import {compare} from '../comparison.js';
import {workerVariables, type StackEnv} from '../environment.js';
import {until} from '../until.js';
import {WorkerProcess} from '../worker.js';
import {foldLog, type LogFold} from './logFold.js';
import {contentDifferences, quarantinedNames, readContent} from './redisContent.js';

/** The logical database of the rebuild. */
const REBUILT_DB = 1;
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
  readonly #env: StackEnv;
  readonly #mysql: Connection;
  readonly #redis: Redis;
  #rebuilds = 0;

  constructor(env: StackEnv, {mysql, redis}: {mysql: Connection; redis: Redis}) {
    this.#env = env;
    this.#mysql = mysql;
    this.#redis = redis;
  }

  /** Compares. The shop must have stopped and everything must be applied. `check` may throw to end this early. */
  async judge(check: () => void): Promise<Judgement> {
    const shop = await compare(this.#mysql, this.#redis);
    const live = await readContent(this.#redis);
    const {kafka, topic} = this.#env;
    const fold = await foldLog({brokers: kafka.brokers, topic, check});
    const differences = [
      ...shop.differences,
      ...contentDifferences(['fold of the topic', fold.content], ['Redis', live]),
      ...named('quarantine of Redis', fold.bad, await quarantinedNames(this.#redis)),
      ...(await this.#rebuild({live, fold, check})),
    ];
    const {records, bad} = fold;
    return {orders: shop.orders, keys: live.size, records, badRecords: bad.length, differences};
  }

  /** Compares with MySQL only: no row event tells of silent changes, so the fold of the topic lacks them. */
  async differencesFromMysql(): Promise<readonly string[]> {
    return (await compare(this.#mysql, this.#redis)).differences;
  }

  async #rebuild({live, fold, check}: RebuildTask): Promise<string[]> {
    const url = new URL(this.#env.redis.url);
    url.pathname = `/${REBUILT_DB}`;
    const redis = new Redis(url.href);
    redis.on('error', () => undefined);
    await redis.flushdb();
    const worker = new WorkerProcess({
      ...workerVariables(this.#env),
      REDIS_URL: url.href,
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
      return [
        ...(code === 0 ? [] : [`the worker of the rebuild ended with exit code ${code ?? '?'}`]),
        ...contentDifferences(['rebuild', await readContent(redis)], ['Redis', live]),
        ...named('quarantine of the rebuild', fold.bad, await quarantinedNames(redis)),
      ];
    } finally {
      await worker.end('SIGKILL');
      await redis.flushdb();
      redis.disconnect();
    }
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
