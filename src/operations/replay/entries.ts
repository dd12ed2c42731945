/**
 * Quarantined records: listed, chosen and removed by commands. Only the apply script writes them.
 */
import type {Script} from '../../clients/redis/client.js';
import {ProjectorError} from '../../runtime/errors.js';
import type {KeySpace} from '../../redis-model/keys.js';
import {partitionsIn} from '../../redis-model/layout.js';
import {parseEntry, parseEntryName, type QuarantineEntry} from '../../redis-model/quarantineEntry.js';

/** The part of Redis that entries need (clients/redis/client.ts). */
export interface EntryHost {
  fields(key: string): AsyncIterable<readonly (readonly [name: string, value: string])[]>;
  run(script: Script, key: string, args: readonly string[]): Promise<unknown>;
  getAll(keys: readonly string[]): Promise<(string | null)[]>;
}

/** One field of the hash of quarantined records. */
export interface StoredEntry {
  readonly name: string;
  readonly text: string;
  /** Undefined if the text is not an entry of this program. */
  readonly entry: QuarantineEntry | undefined;
}

/** The entries that the caller of a command has named: single names, or all. */
export interface Selection {
  readonly names: readonly string[];
  readonly all: boolean;
}

/**
 * Removes entries that have not changed since the caller read them, because a worker can replace one meanwhile. ARGV contains
 * name, text, name, text, and so on. Returns the removed names.
 */
const REMOVE_SCRIPT: Script = {
  name: 'projectorQuarantineRemove',
  lua: `
local removed = {}
for i = 1, #ARGV, 2 do
  if redis.call('HGET', KEYS[1], ARGV[i]) == ARGV[i + 1] then
    redis.call('HDEL', KEYS[1], ARGV[i])
    removed[#removed + 1] = ARGV[i]
  end
end
return removed`,
};

/** Largest number of entries in one script. It limits how long the script blocks Redis. */
const REMOVED_AT_ONCE_MAX = 100;

export class QuarantineEntries {
  readonly #redis: EntryHost;
  readonly #keys: KeySpace;

  constructor(redis: EntryHost, keys: KeySpace) {
    this.#redis = redis;
    this.#keys = keys;
  }

  /** Reads all entries, ordered by topic, partition and offset. */
  async all(): Promise<StoredEntry[]> {
    const fields = new Map<string, string>();
    for (const key of await this.#hashes())
      for await (const page of this.#redis.fields(key))
        for (const [name, text] of page) fields.set(name, text);
    return [...fields].map(([name, text]) => ({name, text, entry: parseEntry(name, text)})).sort(byPlace);
  }

  /** Removes the entries that have not changed since they were read. Resolves with the names of the removed entries. */
  async remove(entries: readonly StoredEntry[]): Promise<string[]> {
    const removed: string[] = [];
    const groups = new Map<string, StoredEntry[]>();
    for (const one of entries) {
      const key = this.#keys.partition(parseEntryName(one.name)?.partition ?? 0).quarantine;
      groups.set(key, [...(groups.get(key) ?? []), one]);
    }
    for (const [key, group] of groups) {
      for (let i = 0; i < group.length; i += REMOVED_AT_ONCE_MAX) {
        const some = group.slice(i, i + REMOVED_AT_ONCE_MAX);
        const args = some.flatMap(({name, text}) => [name, text]);
        removed.push(...((await this.#redis.run(REMOVE_SCRIPT, key, args)) as string[]));
      }
    }
    return removed;
  }

  /** The keys of the hashes. In the layout `partitioned` each partition has one, and the text of the layout tells how many there are. */
  async #hashes(): Promise<string[]> {
    const [shared, first] = [this.#keys.shared, this.#keys.partition(0)];
    if (shared.quarantine === first.quarantine) return [first.quarantine];
    const layouts = await this.#redis.getAll([shared.layout, first.layout]);
    const partitions = Math.max(...layouts.map((text) => partitionsIn(text ?? '') ?? 0));
    return Array.from({length: partitions}, (_, partition) => this.#keys.partition(partition).quarantine);
  }
}

/** Returns the chosen entries. Throws `usage`, or `entry-unknown` with all names that Redis does not hold. */
export function selectEntries(stored: readonly StoredEntry[], {names, all}: Selection): StoredEntry[] {
  if (all && names.length > 0) {
    throw new ProjectorError('usage', 'specify either the names of entries or --all, not both');
  }
  if (all) return [...stored];
  if (names.length === 0) throw new ProjectorError('usage', 'specify the names of entries, or --all');
  const byName = new Map(stored.map((one) => [one.name, one]));
  const known: StoredEntry[] = [];
  const unknown: string[] = [];
  for (const name of new Set(names)) {
    const found = byName.get(name);
    if (found !== undefined) known.push(found);
    else if (parseEntryName(name) !== undefined) unknown.push(name);
    else {
      throw new ProjectorError('usage', `"${name}" is not the name of an entry (topic:partition:offset)`);
    }
  }
  if (unknown.length > 0) {
    throw new ProjectorError('entry-unknown', `not in quarantine: ${unknown.join(', ')}`);
  }
  return known;
}

/** Orders by topic, partition and offset. Fields whose name is not the name of an entry come last. */
function byPlace(a: StoredEntry, b: StoredEntry): number {
  const [left, right] = [parseEntryName(a.name), parseEntryName(b.name)];
  if (left === undefined || right === undefined) {
    if (left === right) return a.name < b.name ? -1 : 1;
    return left === undefined ? 1 : -1;
  }
  if (left.topic !== right.topic) return left.topic < right.topic ? -1 : 1;
  if (left.partition !== right.partition) return left.partition - right.partition;
  return left.offset < right.offset ? -1 : 1;
}
