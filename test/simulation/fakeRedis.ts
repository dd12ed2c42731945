/** A Redis in memory: the commands that the worker sends, its passing troubles, its script cache. */
import type {ScriptHost} from '../../src/apply/readModel.js';
import type {Script} from '../../src/clients/redis/client.js';
import {ProjectorError} from '../../src/runtime/errors.js';
import {applyChunk} from './fakeApply.js';
import {Keyspace, ReplyError} from './keyspace.js';

export type RedisCommand =
  | {
      readonly kind: 'script';
      readonly name: string;
      /** By its digest: fails where the script is not cached. */
      readonly isByDigest: boolean;
      readonly key: string;
      readonly args: readonly string[];
    }
  | {readonly kind: 'getAll'; readonly keys: readonly string[]}
  | {readonly kind: 'hashFields'; readonly key: string};

/** What Redis may answer for a while instead of working. */
export const TROUBLES = {
  OOM: "OOM command not allowed when used memory > 'maxmemory'.",
  READONLY: "READONLY You can't write against a read only replica.",
  MISCONF: 'MISCONF Redis is configured to save RDB snapshots, but it is unable to persist to disk.',
  LOADING: 'LOADING Redis is loading the dataset in memory',
} as const;
export type Trouble = keyof typeof TROUBLES;

/** The apply script, or one with a fault (mutants.ts). */
export type ApplyFunction = (keys: Keyspace, positionKey: string, args: readonly string[]) => string[];

export class FakeRedis {
  readonly keys = new Keyspace();
  trouble: Trouble | undefined;
  readonly #apply: ApplyFunction;
  readonly #cachedScripts = new Set<string>();

  constructor(apply: ApplyFunction = applyChunk) {
    this.#apply = apply;
  }

  forgetScripts(): void {
    this.#cachedScripts.clear();
  }

  /** Runs one command; throws a ReplyError. */
  execute(command: RedisCommand): unknown {
    if (this.trouble === 'LOADING') throw new ReplyError(TROUBLES.LOADING);
    switch (command.kind) {
      case 'getAll':
        return command.keys.map((key) => this.#text(key));
      case 'hashFields':
        return [...this.keys.hash(command.key).keys()];
      case 'script':
        return this.#script(command);
    }
  }

  /** As MGET sees it: a key of another type is no string. */
  #text(key: string): string | null {
    const value = this.keys.get(key);
    return value?.type === 'string' ? value.text : null;
  }

  #script({name, isByDigest, key, args}: RedisCommand & {kind: 'script'}): unknown {
    if (isByDigest && !this.#cachedScripts.has(name)) throw new ReplyError('NOSCRIPT No matching script.');
    this.#cachedScripts.add(name);
    if (name !== 'projectorApply') throw new Error(`no script ${name} is simulated`);
    const before = this.trouble === undefined ? undefined : this.keys.dump();
    const reply = this.#apply(this.keys, key, args);
    if (before === undefined || this.trouble === undefined || reply[0] !== 'applied') return reply;
    // Reads work, so what the script finds wrong is told; its first write fails, and every applied chunk writes.
    this.keys.restore(before);
    throw new ReplyError(TROUBLES[this.trouble]);
  }
}

/** As src/clients/redis/client.ts tells it. */
export function translated(error: unknown): unknown {
  if (!(error instanceof ReplyError)) return error;
  const {message} = error;
  if (/^(?:WRONGTYPE|CORRUPT)\b/.test(message)) return new ProjectorError('read-model-corrupt', message);
  const [code = ''] = message.split(' ', 1);
  if (code in TROUBLES) return new ProjectorError('redis-unreachable', message);
  return new ProjectorError('internal', message);
}

/** A connection without a network: every command is executed and answered at once. */
export class DirectHost implements ScriptHost {
  readonly #redis: FakeRedis;

  constructor(redis: FakeRedis) {
    this.#redis = redis;
  }

  async run({name}: Script, key: string, args: readonly string[]): Promise<unknown> {
    return await this.#execute({kind: 'script', name, isByDigest: false, key, args});
  }

  async getAll(keys: readonly string[]): Promise<(string | null)[]> {
    return (await this.#execute({kind: 'getAll', keys})) as (string | null)[];
  }

  async hashFields(key: string): Promise<string[]> {
    return (await this.#execute({kind: 'hashFields', key})) as string[];
  }

  async #execute(command: RedisCommand): Promise<unknown> {
    try {
      return await Promise.resolve(this.#redis.execute(command));
    } catch (error) {
      throw translated(error);
    }
  }
}
