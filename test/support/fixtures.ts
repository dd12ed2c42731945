/** Reads the recorded messages of real servers in test/fixtures/debezium. Each file contains one case. */
import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';

const FOLDER = join('test', 'fixtures', 'debezium');

interface FixtureFile {
  /** A description of the case, with the versions of the recorded servers. */
  readonly comment: string;
  readonly sql: readonly string[];
  readonly records: readonly {
    readonly partition: number;
    readonly key: string | null;
    /** The exact text, because parsing and printing it again would change long numbers. */
    readonly value: string | null;
    readonly headers: Readonly<Record<string, string>>;
  }[];
}

export interface FixtureRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

export function fixtureNames(): string[] {
  return readdirSync(FOLDER)
    .map((file) => file.replace(/\.json$/, ''))
    .sort();
}

export function fixture(name: string): FixtureFile {
  return JSON.parse(readFileSync(join(FOLDER, `${name}.json`), 'utf8')) as FixtureFile;
}

/** The cases in binlog order. */
export function fixtureRecords(name: string): FixtureRecord[] {
  return fixture(name).records.map(({key, value}) => ({
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
  }));
}
