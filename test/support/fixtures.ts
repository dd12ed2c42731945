/** Recorded messages of real servers: test/fixtures/debezium, one case per file. */
import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';

const FOLDER = join('test', 'fixtures', 'debezium');

interface FixtureFile {
  /** What it is, and which versions it was recorded from. */
  readonly comment: string;
  readonly sql: readonly string[];
  readonly records: readonly {
    readonly partition: number;
    readonly key: string | null;
    /** The exact text: parsed and printed again, long numbers would be others. */
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

/** In the order of the binlog. */
export function fixtureRecords(name: string): FixtureRecord[] {
  return fixture(name).records.map(({key, value}) => ({
    key: key === null ? null : Buffer.from(key),
    value: value === null ? null : Buffer.from(value),
  }));
}
