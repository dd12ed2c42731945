/** The workflows of GitHub run only pinned actions, with the fewest rights and a time limit. */
import {readdirSync, readFileSync} from 'node:fs';
import {join} from 'node:path';
import {parse} from 'yaml';

const FOLDER = '.github/workflows';
const FILES = readdirSync(FOLDER).map((name) => join(FOLDER, name));
const read = (file: string): string => readFileSync(file, 'utf8');

interface Workflow {
  readonly permissions?: Readonly<Record<string, string>>;
  readonly concurrency?: unknown;
  readonly jobs: Readonly<Record<string, {readonly 'timeout-minutes'?: number}>>;
}

test('every action is pinned by a full commit hash, with its version as a comment', () => {
  const uses = FILES.flatMap((file) =>
    read(file)
      .split('\n')
      .filter((line) => /^\s*(?:- )?uses:/.test(line))
      .map((line) => `${file}: ${line.trim()}`),
  );
  expect(uses.length).toBeGreaterThan(5);
  expect(uses.filter((line) => !/uses: [\w.-]+\/[\w./-]+@[0-9a-f]{40} # v\d+(?:\.\d+)*$/.test(line))).toEqual(
    [],
  );
});

test('one action has one version in all workflows', () => {
  const pins = new Set(
    FILES.flatMap((file) => [...read(file).matchAll(/uses: (\S+@\S+)/g)].map(([, pin]) => pin)),
  );
  const names = [...pins].map((pin) => pin?.split('@')[0]);
  expect(names.length).toBe(new Set(names).size);
});

test.each(FILES)('%s may only read the repository, and its jobs have a time limit', (file) => {
  const {permissions, concurrency, jobs} = parse(read(file)) as Workflow;
  expect(permissions).toEqual({contents: 'read'});
  expect(concurrency).toBeDefined();
  for (const job of Object.values(jobs)) expect(job['timeout-minutes']).toBeGreaterThan(0);
});

test('the workflows choose images with variables that docker-compose.yml reads', () => {
  const compose = read('docker-compose.yml');
  const variables = FILES.flatMap((file) =>
    [...read(file).matchAll(/^\s+(\w+_IMAGE):/gm)].map(([, name]) => name),
  );
  expect(variables.length).toBeGreaterThan(0);
  expect(variables.filter((name) => !compose.includes(`\${${name}}`))).toEqual([]);
});
