/**
 * The keys of a Redis in memory, with the types that the read model and foreign writers use. A value is
 * replaced and never changed in place, so a dump is a copy of the map.
 */
export type StoredValue =
  | {readonly type: 'string'; readonly text: string}
  | {readonly type: 'hash'; readonly fields: ReadonlyMap<string, string>}
  | {readonly type: 'zset'; readonly scores: ReadonlyMap<string, number>}
  /** An outbox, or a list of a foreign writer. */
  | {readonly type: 'list'; readonly items: readonly string[]};

/** An error reply of Redis. Its first word is the error code. */
export class ReplyError extends Error {}

export type Dump = ReadonlyMap<string, StoredValue>;

const NO_FIELDS: ReadonlyMap<string, string> = new Map();
const NO_SCORES: ReadonlyMap<string, number> = new Map();

export class Keyspace {
  /** The clock of Redis. */
  readonly nowMs: () => number;
  #values = new Map<string, StoredValue>();

  constructor(nowMs: () => number) {
    this.nowMs = nowMs;
  }

  keys(): IterableIterator<string> {
    return this.#values.keys();
  }

  get size(): number {
    return this.#values.size;
  }

  get(key: string): StoredValue | undefined {
    return this.#values.get(key);
  }

  /** Sets a key to this value; undefined deletes it. */
  put(key: string, value: StoredValue | undefined): void {
    if (value === undefined) this.#values.delete(key);
    else this.#values.set(key, value);
  }

  dump(): Dump {
    return new Map(this.#values);
  }

  restore(dump: Dump): void {
    this.#values = new Map(dump);
  }

  string(key: string): string | null {
    const value = this.#values.get(key);
    if (value === undefined) return null;
    if (value.type !== 'string') throw wrongType();
    return value.text;
  }

  setString(key: string, text: string): void {
    this.#values.set(key, {type: 'string', text});
  }

  hash(key: string): ReadonlyMap<string, string> {
    const value = this.#values.get(key);
    if (value === undefined) return NO_FIELDS;
    if (value.type !== 'hash') throw wrongType();
    return value.fields;
  }

  /** Deletes fields, then sets others. A hash without fields is deleted. */
  changeHash(key: string, deleted: Iterable<string>, set: Iterable<readonly [string, string]>): void {
    const fields = new Map(this.hash(key));
    for (const field of deleted) fields.delete(field);
    for (const [field, text] of set) fields.set(field, text);
    this.put(key, fields.size === 0 ? undefined : {type: 'hash', fields});
  }

  list(key: string): readonly string[] {
    const value = this.#values.get(key);
    if (value === undefined) return [];
    if (value.type !== 'list') throw wrongType();
    return value.items;
  }

  /** A list without items is deleted. */
  setList(key: string, items: readonly string[]): void {
    this.put(key, items.length === 0 ? undefined : {type: 'list', items});
  }

  score(key: string, member: string): number {
    return this.#scores(key).get(member) ?? 0;
  }

  /** ZADD, or ZREM if the score is 0. */
  setScore(key: string, member: string, score: number): void {
    const scores = new Map(this.#scores(key));
    if (score === 0) scores.delete(member);
    else scores.set(member, score);
    this.put(key, scores.size === 0 ? undefined : {type: 'zset', scores});
  }

  #scores(key: string): ReadonlyMap<string, number> {
    const value = this.#values.get(key);
    if (value !== undefined && value.type !== 'zset') throw wrongType();
    return value?.scores ?? NO_SCORES;
  }
}

export function wrongType(): ReplyError {
  return new ReplyError('WRONGTYPE Operation against a key holding the wrong kind of value');
}

/** The error that the scripts return for a value that they cannot use. */
export function corrupt(key: string, what: string): ReplyError {
  return new ReplyError(`CORRUPT ${key} ${what}`);
}

/** A script of the simulated Redis: returns its reply, or throws its error. */
export type ScriptFunction = (keys: Keyspace, key: string, args: readonly string[]) => string[];
