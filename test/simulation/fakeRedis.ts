/** A Redis in memory: the commands that the worker sends, temporary errors, and the script cache. */
import type {ScriptHost} from '../../src/apply/readModel.js';
import type {Script} from '../../src/clients/redis/client.js';
import {ProjectorError} from '../../src/runtime/errors.js';
import type {MergeHost} from '../../src/apply/reports.js';
import {applyChunk} from './fakeApply.js';
import {mergeOutboxes, takeMerging} from './fakeMerge.js';
import {Keyspace, ReplyError, type ScriptFunction} from './keyspace.js';

export type RedisCommand =
  | {
      readonly kind: 'script';
      readonly name: string;
      /** EVALSHA, which fails if the script is not cached. */
      readonly isByDigest: boolean;
      readonly key: string;
      readonly args: readonly string[];
    }
  | {readonly kind: 'getAll'; readonly keys: readonly string[]}
  | {readonly kind: 'hashFields'; readonly key: string}
  | {readonly kind: 'hashFieldsOf'; readonly key: string; readonly names: readonly string[]}
  | {readonly kind: 'listRange'; readonly key: string; readonly from: number; readonly to: number};

/** The temporary errors that Redis can return. */
export const TROUBLES = {
  OOM: "OOM command not allowed when used memory > 'maxmemory'.",
  READONLY: "READONLY You can't write against a read only replica.",
  MISCONF: 'MISCONF Redis is configured to save RDB snapshots, but it is unable to persist to disk.',
  LOADING: 'LOADING Redis is loading the dataset in memory',
} as const;
export type Trouble = keyof typeof TROUBLES;

/** The scripts of the worker by name, or some with a fault (mutants.ts). */
export type Scripts = Readonly<Record<'projectorApply' | 'projectorMerge' | 'projectorTake', ScriptFunction>>;

export const SCRIPTS: Scripts = {
  projectorApply: applyChunk,
  projectorMerge: mergeOutboxes,
  projectorTake: takeMerging,
};

/** Replies of scripts that have written. */
const WRITTEN = ['applied', 'taken'];

export class FakeRedis {
  readonly keys: Keyspace;
  trouble: Trouble | undefined;
  readonly #scripts: Scripts;
  readonly #cachedScripts = new Set<string>();

  constructor(scripts: Scripts = SCRIPTS, nowMs: () => number = Date.now) {
    this.#scripts = scripts;
    this.keys = new Keyspace(nowMs);
  }

  forgetScripts(): void {
    this.#cachedScripts.clear();
  }

  /** Runs one command. Throws a ReplyError if Redis would return an error. */
  execute(command: RedisCommand): unknown {
    if (this.trouble === 'LOADING') throw new ReplyError(TROUBLES.LOADING);
    switch (command.kind) {
      case 'getAll':
        return command.keys.map((key) => this.#text(key));
      case 'hashFields':
        return [...this.keys.hash(command.key).keys()];
      case 'hashFieldsOf': {
        const fields = this.keys.hash(command.key);
        return command.names.map((name) => fields.get(name) ?? null);
      }
      case 'listRange':
        return rangeOf(this.keys.list(command.key), command);
      case 'script':
        return this.#script(command);
    }
  }

  /** As for MGET, a key of another type has no value. */
  #text(key: string): string | null {
    const value = this.keys.get(key);
    return value?.type === 'string' ? value.text : null;
  }

  #script({name, isByDigest, key, args}: RedisCommand & {kind: 'script'}): unknown {
    if (isByDigest && !this.#cachedScripts.has(name)) throw new ReplyError('NOSCRIPT No matching script.');
    this.#cachedScripts.add(name);
    if (!isSimulated(name)) throw new Error(`no script ${name} is simulated`);
    const before = this.trouble === undefined ? undefined : this.keys.dump();
    const reply = this.#scripts[name](this.keys, key, args);
    if (before === undefined || this.trouble === undefined || !WRITTEN.includes(reply[0] ?? '')) return reply;
    // Reads succeed in this state, so the script can still report a corrupt key. Its first write fails,
    // and every applied chunk writes. So does a merge, and so does a worker that takes over the merging.
    this.keys.restore(before);
    throw new ReplyError(TROUBLES[this.trouble]);
  }
}

function isSimulated(name: string): name is keyof Scripts {
  return name in SCRIPTS;
}

/** As for LRANGE: negative places count from the end, and `to` is included. */
function rangeOf(items: readonly string[], {from, to}: {from: number; to: number}): string[] {
  const place = (at: number): number => (at < 0 ? items.length + at : at);
  return items.slice(Math.max(0, place(from)), Math.max(0, place(to) + 1));
}

/** Translates an error as src/clients/redis/client.ts does. */
export function translated(error: unknown): unknown {
  if (!(error instanceof ReplyError)) return error;
  const {message} = error;
  if (/^(?:WRONGTYPE|CORRUPT)\b/.test(message)) return new ProjectorError('read-model-corrupt', message);
  const [code = ''] = message.split(' ', 1);
  if (code in TROUBLES) return new ProjectorError('redis-unreachable', message);
  return new ProjectorError('internal', message);
}

/** A connection without a network. Redis executes each command and replies at once. */
export class DirectHost implements ScriptHost, MergeHost {
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

  async hashFieldsOf(key: string, names: readonly string[]): Promise<(string | null)[]> {
    return (await this.#execute({kind: 'hashFieldsOf', key, names})) as (string | null)[];
  }

  async listRange(key: string, from: number, to: number): Promise<string[]> {
    return (await this.#execute({kind: 'listRange', key, from, to})) as string[];
  }

  async #execute(command: RedisCommand): Promise<unknown> {
    try {
      return await Promise.resolve(this.#redis.execute(command));
    } catch (error) {
      throw translated(error);
    }
  }
}
