/**
 * Takes copies of Redis' data while the worker writes, and restores one of them. For the worker, that equals a restored
 * backup, or the promotion of a replica that had not received the last writes.
 *
 * With an append-only file Redis does not load dump.rdb. But the base file of an append-only file has the format of a
 * dump, so the dump is restored as that base file.
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

  /** Takes a copy while Redis runs. Returns undefined if the files changed during the copy. */
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

  /** Restores a copy. Redis must not be running. */
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
    await until(isIdle, () => 'the end of BGSAVE', 60_000);
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

  /** Copies the files, perhaps in the middle of a write. Redis ignores an incomplete command at the end of the file. */
  #copyAppendOnly(folder: string): boolean {
    const source = join(this.#dataFolder, AOF_FOLDER);
    const manifest = (): string => readFileSync(join(source, MANIFEST), 'utf8');
    try {
      const before = manifest();
      cpSync(source, folder, {recursive: true});
      if (manifest() === before) return true;
    } catch {
      // A rewrite of the append-only file has removed a file during the copy.
    }
    rmSync(folder, {recursive: true, force: true});
    return false;
  }
}
