/** Runs `projector verify --against topic` on an active shop, and reads the results for its tests. */
import type {Redis} from 'ioredis';
import type {WorkerProcess} from '../../stack/worker.js';
import {endedWithJson, OwnShop, type Ended} from './ownShop.js';
import type {Variables} from './pipeline.js';
import {until} from './until.js';

/** The fields of the `--json` output that the tests use. */
export interface LogVerdict {
  readonly differences: number;
  readonly looked: {readonly orders: number; readonly keys: number};
  readonly findings: readonly {kind: string; key: string; field: string | null}[];
}

export const AGAINST_LOG = ['verify', '--against', 'topic', '--wait', '20'];

export class LogVerification {
  readonly shop: OwnShop;
  /** The staging database, in which the topic is replayed. */
  readonly staging: Redis;

  private constructor(shop: OwnShop) {
    this.shop = shop;
    this.staging = shop.redis.duplicate({db: 15});
  }

  static async open(
    name: string,
    options: {readonly base: number; readonly seed: number},
  ): Promise<LogVerification> {
    return new LogVerification(await OwnShop.open(name, {...options, settings: {MYSQL_URL: ''}}));
  }

  key(name: string): string {
    return `${this.shop.prefix}${name}`;
  }

  /** Starts the command. */
  begin(extra: Variables = {}): WorkerProcess {
    return this.shop.command(AGAINST_LOG, extra);
  }

  /** Runs the command until it exits. */
  async verified(...args: string[]): Promise<Ended & {readonly verdict: LogVerdict}> {
    const {json, ...end} = await endedWithJson(this.shop.command([...AGAINST_LOG, '--json', ...args]));
    return {...end, verdict: json as LogVerdict};
  }

  /** Resolves when a command has printed the text, or has exited. */
  async notified(process: WorkerProcess, text: string): Promise<void> {
    await until(
      () => process.output.includes(text) || !process.isRunning,
      () => `"${text}" in ${process.output}`,
      60_000,
    );
  }

  async expectNothingLeft(): Promise<void> {
    expect(await this.staging.keys('*')).toEqual([]);
    expect(await this.shop.redis.exists(this.key('projector:rebuild'))).toBe(0);
  }

  async close(): Promise<void> {
    this.staging.disconnect();
    await this.shop.close();
  }
}
