/**
 * The spare database: empty, or marked with what a rebuild has made of it. Without a mark nothing in it is touched.
 *
 *   rebuild          filled from the log's start, perhaps in part; a rebuild goes on with it
 *   filling <id>     gets its base in this run, from MySQL perhaps; of no use to any other one
 *   sync             filled from MySQL; goes on with the log
 *   verify <id>      filled from the log in this run, to compare with; of no use to any other one
 *   discard <id>     what was replaced, or given up; may be thrown away
 */
import type {Script} from '../../clients/redis/client.js';
import {ProjectorError} from '../../runtime/errors.js';
import {isOwnKey, keysWithPrefix} from '../../redis-model/keys.js';
import {DISCARD_SCRIPT} from '../../apply/discard.js';
import {EXCHANGE_SCRIPT} from './scripts.js';

/** Redis with one database selected, as far as this needs it (clients/redis/client.ts). */
export interface Database {
  readonly address: string;
  keys(): AsyncIterable<readonly string[]>;
  getAll(keys: readonly string[]): Promise<(string | null)[]>;
  run(script: Script, key: string, args: readonly string[]): Promise<unknown>;
}

export type Mark = 'rebuild' | 'sync' | `filling ${string}` | `verify ${string}` | `discard ${string}`;

/** Marks of what a later run of the same command goes on with. */
const RESUMABLE: ReadonlySet<string> = new Set<Mark>(['rebuild', 'sync']);

/** What a database holds. */
interface Census {
  readonly own: number;
  readonly foreign: number;
  /** Some of the foreign ones. */
  readonly examples: readonly string[];
}

const EXAMPLES_MAX = 3;

/** Looks at the name of every key; flat memory. Counts are a little too high while keys are written. */
async function census(
  database: Database,
  prefix: string,
  isPassedOver: (key: string) => boolean = () => false,
): Promise<Census> {
  let own = 0;
  let foreign = 0;
  const examples: string[] = [];
  for await (const page of database.keys()) {
    for (const key of page) {
      if (isPassedOver(key)) continue;
      if (isOwnKey(key, prefix)) own++;
      else {
        foreign++;
        if (examples.length < EXAMPLES_MAX) examples.push(JSON.stringify(key));
      }
    }
  }
  return {own, foreign, examples};
}

/** Throws `rebuild-refused` when the database holds keys that would be swapped away from their owner. */
export async function requireNoForeignKeys(database: Database, prefix: string): Promise<void> {
  const {foreign, examples} = await census(database, prefix);
  if (foreign === 0) return;
  throw new ProjectorError(
    'rebuild-refused',
    `${database.address} holds ${foreign} keys that are not of this read model (${examples.join(', ')}), ` +
      'and swapping would take them along: give the read model a logical database of its own, or fill another Redis with --target',
  );
}

export class Spare {
  readonly #database: Database;
  readonly #prefix: string;
  readonly #markKey: string;
  /** Ours, where the database that is filled holds the lock itself. */
  readonly #lockKey: string;

  constructor(database: Database, prefix: string) {
    this.#database = database;
    this.#prefix = prefix;
    const {spareMark, rebuildLock} = keysWithPrefix(prefix);
    this.#markKey = spareMark;
    this.#lockKey = rebuildLock;
  }

  /** Throws as `requireNoForeignKeys` does: a swap would bring them into the read model. */
  async requireNoForeignKeys(): Promise<void> {
    await requireNoForeignKeys(this.#database, this.#prefix);
  }

  /** The mark that stands now; '' for none. */
  async mark(): Promise<string> {
    const [text] = await this.#database.getAll([this.#markKey]);
    return text ?? '';
  }

  /** Throws `rebuild-refused` where a rebuild or a sync has left what it would go on with. */
  async requireNothingToGoOnWith(): Promise<void> {
    const found = await this.mark();
    if (!RESUMABLE.has(found)) return;
    throw new ProjectorError(
      'rebuild-refused',
      `${this.#database.address} holds what an unfinished \`${found}\` would go on with: finish that one first, or throw it away with --restart`,
    );
  }

  /** Makes the database empty, and marks it. What stands there without a mark is refused, anything else thrown away. */
  async prepare(mark: Mark, id: string): Promise<void> {
    const found = await this.mark();
    if (found !== '') await this.discard(found, `discard ${id}`);
    await this.#requireEmpty();
    await this.exchange('', mark);
  }

  /** Rejects with `rebuild-lost` when another mark stands than the expected one. */
  async exchange(expected: Mark | '', next: Mark | ''): Promise<void> {
    const stored = String(await this.#database.run(EXCHANGE_SCRIPT, this.#markKey, [expected, next]));
    if (stored === next) return;
    throw new ProjectorError(
      'rebuild-lost',
      `${this.#database.address} was taken by another one (${stored})`,
    );
  }

  /** Throws away what stands under the mark; keys of others stay. Resolves with the number of keys removed. */
  async discard(found: string, mark: Mark): Promise<number> {
    if (found !== mark) await this.exchange(found as Mark, mark);
    // Without it no script of a late worker writes here any more, between the keys that are looked at and those that were (C4).
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
    const {own, foreign, examples} = await census(this.#database, this.#prefix, isTool);
    if (own + foreign === 0) return;
    const what = foreign === 0 ? 'a read model that no rebuild has begun' : examples.join(', ');
    throw new ProjectorError(
      'rebuild-refused',
      `${this.#database.address} must be empty, and holds ${own + foreign} keys (${what}): empty it, or choose another one`,
    );
  }

  #taken(): ProjectorError {
    return new ProjectorError('rebuild-lost', `${this.#database.address} was taken by another one`);
  }

  #isTool(key: string): boolean {
    return key === this.#markKey || key === this.#lockKey;
  }
}
