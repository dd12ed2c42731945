/**
 * A simulated Redis server: the fake Redis, the changes of foreign writers, and the mirror it is compared
 * with.
 */
import {FakeRedis, type RedisCommand, type Scripts} from './fakeRedis.js';
import type {Dump, StoredValue} from './keyspace.js';
import {Mirror, type MirrorSettings} from './mirror.js';
import {START_MS, type SimTime} from './simClock.js';
import {NO_TIMES, SlotHistory, type Slot, type SlotTimes} from './slotHistory.js';
import {Violation} from './violation.js';

/** A value that a foreign writer has put in a key of the read model. */
export interface Foreign {
  readonly original: StoredValue | undefined;
  readonly put: StoredValue | undefined;
}

export interface ServerDump {
  readonly values: Dump;
  readonly foreign: ReadonlyMap<string, Foreign>;
  readonly atMs: number;
  readonly times: SlotTimes;
}

export const EMPTY_DUMP: ServerDump = {
  values: new Map(),
  foreign: new Map(),
  atMs: START_MS,
  times: NO_TIMES,
};

const NEW = {dump: EMPTY_DUMP, history: new SlotHistory()};

export interface ServerSettings extends MirrorSettings {
  readonly scripts: Scripts;
  readonly time: SimTime;
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
  readonly history: SlotHistory;

  constructor(
    name: string,
    settings: ServerSettings,
    {dump, history}: {dump: ServerDump; history: SlotHistory} = NEW,
  ) {
    this.name = name;
    this.#settings = settings;
    this.history = history.copy();
    this.redis = new FakeRedis(settings.scripts, () => settings.time.nowMs);
    this.#mirror = new Mirror(settings, this);
    this.restore(dump);
  }

  execute(command: RedisCommand): unknown {
    const reply = this.redis.execute(command);
    if (command.kind !== 'script') return reply;
    if (command.name === 'projectorTake') this.history.taken(Number(command.args[0]));
    this.check();
    return reply;
  }

  /** Throws a Violation if the content is not the fold of the topic. */
  check(): void {
    this.#mirror.check();
  }

  position(partition: number): bigint {
    return this.#mirror.position(partition);
  }

  merged(partition: number): bigint {
    return this.#mirror.merged(partition);
  }

  dump(): ServerDump {
    return {
      values: this.redis.keys.dump(),
      foreign: new Map(this.foreign),
      atMs: this.#settings.time.nowMs,
      times: this.history.times(),
    };
  }

  /** These slots go back to the state of a dump. The others stay as they are. */
  restore({values, foreign, times}: ServerDump, slots: readonly Slot[] = this.slots): void {
    const mixed = <T>(now: ReadonlyMap<string, T>, then: ReadonlyMap<string, T>): Map<string, T> =>
      new Map([
        ...[...now].filter(([key]) => !slots.includes(this.slotOf(key))),
        ...[...then].filter(([key]) => slots.includes(this.slotOf(key))),
      ]);
    this.redis.keys.restore(mixed(this.redis.keys.dump(), values));
    const kept = mixed(this.foreign, foreign);
    this.foreign.clear();
    for (const [key, value] of kept) this.foreign.set(key, value);
    this.history.restored(times, slots, this.#settings.topic.partitions);
    this.#mirror.rebuild();
  }

  get slots(): readonly Slot[] {
    const {isPartitioned, topic} = this.#settings;
    return isPartitioned ? ['shared', ...topic.partitions] : ['shared'];
  }

  slotOf(key: string): Slot {
    return this.#settings.keys.placeOf(key)?.partition ?? 'shared';
  }

  /** Another server with the data of this dump: a replica that becomes the primary. */
  fork(name: string, dump: ServerDump): SimServer {
    return new SimServer(name, this.#settings, {dump, history: this.history});
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
