/**
 * The staging database: it is empty, or its mark names its content. Without a mark, nothing is removed from it.
 *
 *   rebuild          built from the start of the topic, perhaps in part; a later rebuild resumes it
 *   loading <id>     the run <id> writes a base, for example from MySQL; no other run can resume it
 *   sync             loaded from MySQL; a later sync resumes it from the topic
 *   verify <id>      built from the topic by the run <id>, to compare with; no other run can resume it
 *   adopting <id>    a cutover moves it to the live keys; no other run can resume it. Only in the layout `partitioned` (partitionedStaging.ts)
 *   discard <id>     was replaced or discarded; may be removed
 */
import type {Script} from '../../clients/redis/client.js';
import {ProjectorError} from '../../runtime/errors.js';
import {isNumberedKey, isOwnKey, keysWithPrefix} from '../../redis-model/keys.js';
import {DISCARD_SCRIPT} from '../../apply/discard.js';
import {EXCHANGE_SCRIPT, FOREIGN_SCRIPT} from './scripts.js';
import {counted} from '../../runtime/counted.js';

/** The part of a Redis connection with a selected database that this file needs (clients/redis/client.ts). */
export interface Database {
  readonly address: string;
  keys(): AsyncIterable<readonly string[]>;
  getAll(keys: readonly string[]): Promise<(string | null)[]>;
  run(script: Script, key: string, args: readonly string[]): Promise<unknown>;
}

export type Mark =
  'rebuild' | 'sync' | `loading ${string}` | `verify ${string}` | `adopting ${string}` | `discard ${string}`;

/** The read model that a run builds next to the live one. A mark names its content. */
export interface Staging {
  /** Throws `rebuild-refused` if it holds foreign keys and the cutover would bring them to the readers. */
  requireNoForeignKeys(): Promise<void>;
  /** Throws `rebuild-refused` if `prepare` would not empty it. */
  requireUsable(): Promise<void>;
  /** The present mark; '' if there is none. */
  mark(): Promise<string>;
  /** Empties it and marks it. */
  prepare(mark: Mark, id: string): Promise<void>;
  /** Replaces the mark. Rejects with `rebuild-lost` if the present mark is not the expected one. */
  exchange(expected: Mark | '', next: Mark | ''): Promise<void>;
  /** Removes our keys while the mark stands, and then the mark. Foreign keys stay. Resolves with the number of removed keys. */
  discard(found: string, mark: Mark): Promise<number>;
}

/** Marks of content that a later run of the same command resumes. */
const RESUMABLE: ReadonlySet<string> = new Set<Mark>(['rebuild', 'sync']);

/** The number of keys in a database. */
interface KeyCounts {
  readonly own: number;
  readonly foreign: number;
  /** Names of at most EXAMPLES_MAX foreign keys. */
  readonly examples: readonly string[];
}

const EXAMPLES_MAX = 3;

/**
 * Counts the keys of a database by their names, in constant memory. SCAN can return a key twice, so the counts can be too
 * high while other clients write.
 */
async function countKeys(
  database: Database,
  prefix: string,
  isPassedOver: (key: string) => boolean = () => false,
): Promise<KeyCounts> {
  let own = 0;
  let foreign = 0;
  const examples: string[] = [];
  for await (const page of database.keys()) {
    const others = page.filter((key) => !isNumberedKey(key, prefix));
    own += page.length - others.length;
    const disguised = await disguisedKeys(database, others, prefix);
    for (const key of others) {
      if (isPassedOver(key)) continue;
      if (isOwnKey(key, prefix) && !disguised.has(key)) own++;
      else {
        foreign++;
        if (examples.length < EXAMPLES_MAX) examples.push(JSON.stringify(key));
      }
    }
  }
  return {own, foreign, examples};
}

/**
 * Foreign keys with names such as `order:pending`. An id can be any text, so their content decides. Ids that are whole numbers need no look at
 * the content.
 */
async function disguisedKeys(
  database: Database,
  page: readonly string[],
  prefix: string,
): Promise<ReadonlySet<string>> {
  const args = page.flatMap((key) => {
    const [, kind, id = ''] =
      /^(order|order_lines|product):(.*?)(?::sold)?$/s.exec(key.slice(prefix.length)) ?? [];
    if (kind === undefined || !isOwnKey(key, prefix)) return [];
    return [key, kind === 'order' ? 'hash' : 'string', kind === 'order_lines' ? '' : id];
  });
  const [first] = args;
  if (first === undefined) return new Set();
  return new Set((await database.run(FOREIGN_SCRIPT, first, args)) as string[]);
}

/** Throws `rebuild-refused` if the database holds foreign keys, because the swap would move them to another database. */
export async function requireNoForeignKeys(database: Database, prefix: string): Promise<void> {
  const {foreign, examples} = await countKeys(database, prefix);
  if (foreign === 0) return;
  throw new ProjectorError(
    'rebuild-refused',
    `${database.address} holds ${counted(foreign, 'key that does', 'keys that do')} not belong to this read model (${examples.join(', ')}), ` +
      'and the cutover would move such keys: give the read model its own logical database, or build it in another Redis with --target',
  );
}

/** What a database with this mark holds, as the end of a sentence about it. */
export function contentOf(mark: string): string {
  if (mark === '') return 'holds no unfinished run';
  const [command] = mark.split(' ');
  if (command === 'rebuild' || command === 'sync') return `holds an unfinished ${command}`;
  if (command === 'loading') return 'holds an unfinished initial load';
  if (command === 'adopting') return 'holds the rest of a cutover that did not end';
  if (command === 'verify') return 'holds the replayed topic of a `verify`';
  return 'holds old content that is to be removed';
}

export class StagingDatabase implements Staging {
  readonly #database: Database;
  readonly #prefix: string;
  readonly #markKey: string;
  /** Our lock. It is in this database if the run builds in another Redis and does not swap. */
  readonly #lockKey: string;

  constructor(database: Database, prefix: string) {
    this.#database = database;
    this.#prefix = prefix;
    const {stagingMark, rebuildLock} = keysWithPrefix(prefix);
    this.#markKey = stagingMark;
    this.#lockKey = rebuildLock;
  }

  async requireNoForeignKeys(): Promise<void> {
    await requireNoForeignKeys(this.#database, this.#prefix);
  }

  /** A database that holds keys and no mark is not emptied. */
  async requireUsable(): Promise<void> {
    if ((await this.mark()) === '') await this.#requireEmpty();
  }

  async mark(): Promise<string> {
    const [text] = await this.#database.getAll([this.#markKey]);
    return text ?? '';
  }

  /** Throws `rebuild-refused` if an unfinished rebuild or sync has left content that its next run would resume. */
  async requireNothingToResume(): Promise<void> {
    const found = await this.mark();
    if (!RESUMABLE.has(found)) return;
    throw new ProjectorError(
      'rebuild-refused',
      `${this.#database.address} holds the content of an unfinished \`${found}\`: finish that run first, or discard its content with --restart`,
    );
  }

  /**
   * Removes the content under any mark. Throws `rebuild-refused` if the database holds keys and no mark.
   */
  async prepare(mark: Mark, id: string): Promise<void> {
    const found = await this.mark();
    if (found !== '') await this.discard(found, `discard ${id}`);
    await this.#requireEmpty();
    await this.exchange('', mark);
  }

  async exchange(expected: Mark | '', next: Mark | ''): Promise<void> {
    const stored = String(await this.#database.run(EXCHANGE_SCRIPT, this.#markKey, [expected, next]));
    if (stored === next) return;
    throw new ProjectorError(
      'rebuild-lost',
      `${this.#database.address} is in use by another run (it ${contentOf(stored)})`,
    );
  }

  async discard(found: string, mark: Mark): Promise<number> {
    if (found !== mark) await this.exchange(found as Mark, mark);
    // The layout is removed first, because the apply script rejects a chunk if it finds a position without a layout (C4).
    // Otherwise this race is possible:
    // 1. The scan below passes a page of keys.
    // 2. A late worker writes a key to that page.
    // 3. The key stays in a database that counts as empty.
    const {layout} = keysWithPrefix(this.#prefix);
    let removed = Number(await this.#database.run(DISCARD_SCRIPT, this.#markKey, [mark, layout]));
    if (removed < 0) throw this.#taken();
    for await (const page of this.#database.keys()) {
      const own = page.filter((key) => isOwnKey(key, this.#prefix) && !this.#isTool(key));
      if (own.length === 0) continue;
      const count = Number(await this.#database.run(DISCARD_SCRIPT, this.#markKey, [mark, ...own]));
      if (count < 0) throw this.#taken();
      removed += count;
    }
    await this.exchange(mark, '');
    return removed;
  }

  async #requireEmpty(): Promise<void> {
    const isTool = (key: string): boolean => this.#isTool(key);
    const {own, foreign, examples} = await countKeys(this.#database, this.#prefix, isTool);
    if (own + foreign === 0) return;
    const what = foreign === 0 ? 'a complete read model, which is not removed' : examples.join(', ');
    throw new ProjectorError(
      'rebuild-refused',
      `${this.#database.address} must be empty, but holds ${counted(own + foreign, 'key')} (${what}): empty it, or choose another database`,
    );
  }

  #taken(): ProjectorError {
    return new ProjectorError('rebuild-lost', `${this.#database.address} is in use by another run`);
  }

  #isTool(key: string): boolean {
    return key === this.#markKey || key === this.#lockKey;
  }
}
