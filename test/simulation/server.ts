/**
 * A simulated Redis server: the fake Redis, the changes of foreign writers, and the mirror it is compared
 * with.
 */
import {FakeRedis, type ApplyFunction, type RedisCommand} from './fakeRedis.js';
import type {Dump, StoredValue} from './keyspace.js';
import {Mirror, type MirrorSettings} from './mirror.js';
import {Violation} from './violation.js';

/** A value that a foreign writer has put in a key of the read model. */
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
  /**
   * Orders whose keys a foreign writer has ever changed. Only their records may be quarantined as corrupt.
   */
  readonly everCorrupted: Set<string>;
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

  /** Throws a Violation if the content is not the fold of the topic. */
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

  /** Another server with the data of this dump: a replica that becomes the primary. */
  fork(name: string, dump: ServerDump): SimServer {
    return new SimServer(name, this.#settings, dump);
  }

  /** The value of a key without the changes of foreign writers. */
  view(key: string): StoredValue | undefined {
    const touched = this.foreign.get(key);
    return touched === undefined ? this.redis.keys.get(key) : touched.original;
  }

  /** A foreign writer changes or deletes a key of the read model. */
  touch(key: string, put: StoredValue | undefined): void {
    this.foreign.set(key, {original: this.redis.keys.get(key), put});
    this.redis.keys.put(key, put);
  }

  /** The value from before the foreign change is restored. */
  repair(key: string): void {
    this.requireUntouched(key);
    this.redis.keys.put(key, this.foreign.get(key)?.original);
    this.foreign.delete(key);
  }

  requireUntouched(key: string): void {
    const touched = this.foreign.get(key);
    if (touched !== undefined && this.redis.keys.get(key) !== touched.put) {
      throw new Violation(`a script changed the foreign value of ${key}`);
    }
  }
}
