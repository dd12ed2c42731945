/**
 * Copies of Redis' data, taken in mid-stream, and the way back to one of them: what a restored dump, or a replica that was
 * behind and was promoted, is to the worker.
 *
 * Redis with an append-only file never looks at a dump. But the base of an append-only file is a dump, so one is put there.
 */
import {cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import type {Redis} from 'ioredis';
import type {Random} from '../random.js';
import {until} from '../until.js';

const KEPT_MAX = 4;
const AOF_FOLDER = 'appendonlydir';
const MANIFEST = 'appendonly.aof.manifest';

export interface Backup {
  readonly takenMs: number;
  readonly kind: 'dump' | 'append-only file';
  readonly folder: string;
}

export class Backups {
  readonly #redis: Redis;
  readonly #dataFolder: string;
  readonly #home = mkdtempSync(join(tmpdir(), 'order-projector-backups-'));
  #kept: Backup[] = [];
  #taken = 0;

  constructor(redis: Redis, dataFolder: string) {
    this.#redis = redis;
    this.#dataFolder = dataFolder;
  }

  get kept(): readonly Backup[] {
    return this.#kept;
  }

  /** While Redis works. Returns what was taken; undefined when the files moved meanwhile. */
  async take(random: Random, nowMs: number): Promise<Backup | undefined> {
    const kind = random.pick(['dump', 'append-only file'] as const);
    const folder = join(this.#home, String(++this.#taken));
    const isTaken = kind === 'dump' ? await this.#takeDump(folder) : this.#copyAppendOnly(folder);
    if (!isTaken) return undefined;
    const backup = {takenMs: nowMs, kind, folder};
    this.#kept.push(backup);
    while (this.#kept.length > KEPT_MAX) {
      const [dropped] = this.#kept.splice(random.int(0, this.#kept.length - 2), 1);
      if (dropped !== undefined) rmSync(dropped.folder, {recursive: true, force: true});
    }
    return backup;
  }

  /** While Redis is down. */
  putBack(backup: Backup): void {
    const target = join(this.#dataFolder, AOF_FOLDER);
    rmSync(target, {recursive: true, force: true});
    cpSync(backup.folder, target, {recursive: true});
  }

  close(): void {
    rmSync(this.#home, {recursive: true, force: true});
  }

  async #takeDump(folder: string): Promise<boolean> {
    const info = async (): Promise<string> => await this.#redis.info('persistence');
    const isIdle = async (): Promise<boolean> =>
      /rdb_bgsave_in_progress:0\r\n/.test(await info()) && /aof_rewrite_in_progress:0\r\n/.test(await info());
    if (!(await isIdle())) return false;
    await this.#redis.bgsave();
    await until(isIdle, () => 'a dump of Redis', 60_000);
    const dump = join(this.#dataFolder, 'dump.rdb');
    if (!existsSync(dump)) return false;
    mkdirSync(folder);
    cpSync(dump, join(folder, 'appendonly.aof.1.base.rdb'));
    writeFileSync(join(folder, 'appendonly.aof.1.incr.aof'), '');
    writeFileSync(
      join(folder, MANIFEST),
      'file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n',
    );
    return true;
  }

  /** As it stands, perhaps in the middle of a write: Redis drops what is not complete at its end. */
  #copyAppendOnly(folder: string): boolean {
    const source = join(this.#dataFolder, AOF_FOLDER);
    const manifest = (): string => readFileSync(join(source, MANIFEST), 'utf8');
    try {
      const before = manifest();
      cpSync(source, folder, {recursive: true});
      if (manifest() === before) return true;
    } catch {
      // A rewrite has removed a file meanwhile.
    }
    rmSync(folder, {recursive: true, force: true});
    return false;
  }
}
