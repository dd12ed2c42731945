/** A Redis server of the simulated world: the fake, what a foreign hand did to it, and the mirror that it is held to. */
import {FakeRedis, type ApplyFunction, type RedisCommand} from './fakeRedis.js';
import type {Dump, StoredValue} from './keyspace.js';
import {Mirror, type MirrorSettings} from './mirror.js';
import {Violation} from './violation.js';

/** A value that someone else put under one of our keys. */
export interface Foreign {
  readonly original: StoredValue | undefined;
  readonly put: StoredValue | undefined;
}

export interface ServerDump {
  readonly values: Dump;
  readonly foreign: ReadonlyMap<string, Foreign>;
}

export const EMPTY_DUMP: ServerDump = {values: new Map(), foreign: new Map()};

export interface ServerSettings extends MirrorSettings {
  readonly apply: ApplyFunction;
  /** Orders whose keys a foreign hand has touched at some time: only their records may be set aside as spoiled. */
  readonly everSpoiled: Set<string>;
}

export class SimServer {
  readonly name: string;
  readonly redis: FakeRedis;
  readonly foreign = new Map<string, Foreign>();
  readonly #settings: ServerSettings;
  readonly #mirror: Mirror;

  constructor(name: string, settings: ServerSettings, dump: ServerDump = EMPTY_DUMP) {
    this.name = name;
    this.#settings = settings;
    this.redis = new FakeRedis(settings.apply);
    this.#mirror = new Mirror(settings, this);
    this.restore(dump);
  }

  execute(command: RedisCommand): unknown {
    const reply = this.redis.execute(command);
    if (command.kind === 'script') this.check();
    return reply;
  }

  /** Throws a Violation when the content is not what the log says. */
  check(): void {
    this.#mirror.check();
  }

  position(partition: number): bigint {
    return this.#mirror.position(partition);
  }

  dump(): ServerDump {
    return {values: this.redis.keys.dump(), foreign: new Map(this.foreign)};
  }

  restore({values, foreign}: ServerDump): void {
    this.redis.keys.restore(values);
    this.foreign.clear();
    for (const [key, value] of foreign) this.foreign.set(key, value);
    this.#mirror.rebuild();
  }

  /** Another server with the data of this dump: a replica that is made primary. */
  fork(name: string, dump: ServerDump): SimServer {
    return new SimServer(name, this.#settings, dump);
  }

  /** The value under a key as it would be without foreign hands. */
  view(key: string): StoredValue | undefined {
    const touched = this.foreign.get(key);
    return touched === undefined ? this.redis.keys.get(key) : touched.original;
  }

  /** A foreign hand puts something under a key of ours. */
  touch(key: string, put: StoredValue | undefined): void {
    this.foreign.set(key, {original: this.redis.keys.get(key), put});
    this.redis.keys.put(key, put);
  }

  /** What was there before comes back. */
  mend(key: string): void {
    this.requireUntouched(key);
    this.redis.keys.put(key, this.foreign.get(key)?.original);
    this.foreign.delete(key);
  }

  requireUntouched(key: string): void {
    const touched = this.foreign.get(key);
    if (touched !== undefined && this.redis.keys.get(key) !== touched.put) {
      throw new Violation(`the foreign value under ${key} was touched`);
    }
  }
}
