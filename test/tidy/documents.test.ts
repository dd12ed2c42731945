/**
 * docs/ agrees with the code. Every guarantee names its tests, faults and their tests name each other, and
 * the runbook has a section for every kind of error.
 */
import {spawnSync} from 'node:child_process';
import {existsSync, readFileSync} from 'node:fs';
import {ERROR_POLICY, EXIT} from '../../src/runtime/errorPolicy.js';

const read = (file: string): string => readFileSync(file, 'utf8');
const {stdout} = spawnSync('git', ['ls-files', 'test'], {encoding: 'utf8'});
const TESTS = stdout.split('\n').filter((file) => file.endsWith('.test.ts') && existsSync(file));

describe('docs/runbook.md', () => {
  // The alerts come after the kinds. test/unit/observability compares them with deploy/prometheus.
  const [kinds = ''] = read('docs/runbook.md').split(/^## Alerts$/m);
  const headings = [...kinds.matchAll(/^### (.+)$/gm)].map(([, text]) => text ?? '');

  test('has exactly one section for every kind of error', () => {
    expect([...headings].sort()).toEqual(Object.keys(ERROR_POLICY).sort());
  });

  test('lists every exit code', () => {
    const table = /^\| Exit code[\s\S]*?\n\n/m.exec(read('docs/runbook.md'))?.[0] ?? '';
    const named = [...table.matchAll(/^\| ([\d, ]+) \|/gm)].flatMap(([, codes]) => (codes ?? '').split(', '));
    expect(named.map(Number).sort((a, b) => a - b)).toEqual(Object.values(EXIT).sort((a, b) => a - b));
  });

  test('contains every section to which README.md links', () => {
    const targets = [...read('README.md').matchAll(/docs\/runbook\.md#([a-z-]+)/g)].map(
      ([, section]) => section ?? '',
    );
    expect(targets.filter((section) => !headings.includes(section))).toEqual([]);
  });
});

describe('docs/faults.md', () => {
  interface Row {
    readonly id: string;
    readonly files: readonly string[];
  }
  const rows: Row[] = [...read('docs/faults.md').matchAll(/^\| (F\d+[ab]?) \|.*\| ([^|]*) \|$/gm)].map(
    ([, id = '', tests = '']) => ({
      id,
      files: [...tests.matchAll(/`([^`]+)`/g)].map(([, file]) => `test/${file ?? ''}.test.ts`),
    }),
  );
  /** Returns the ids of the rows that a test file names as tags. */
  const tagsOf = (file: string): string[] =>
    [...read(file).matchAll(/\(([A-Z]\d+[ab]?(?:, [A-Z]\d+[ab]?)*)\)/g)].flatMap(([, list = '']) =>
      list.split(', ').filter((tag) => tag.startsWith('F')),
    );

  test('lists every fault once, in order', () => {
    const ids = rows.map(({id}) => id);
    const numbers = Array.from({length: 92}, (_, index) => `F${String(index + 1).padStart(2, '0')}`);
    expect(ids.filter((id) => !/[ab]$/.test(id))).toEqual(numbers);
    expect(ids.filter((id) => /[ab]$/.test(id))).toEqual(['F25a', 'F25b', 'F74a', 'F74b']);
  });

  test('every test file that a row names exists and has the tag of the row', () => {
    const wrong = rows.flatMap(({id, files}) =>
      files.filter((file) => !existsSync(file) || !tagsOf(file).includes(id)).map((file) => `${id}: ${file}`),
    );
    expect(wrong).toEqual([]);
  });

  test('every test file with the tag of a fault is named in its row', () => {
    const listed = new Set(rows.flatMap(({id, files}) => files.map((file) => `${id}: ${file}`)));
    const tagged = TESTS.flatMap((file) => [...new Set(tagsOf(file))].map((id) => `${id}: ${file}`));
    expect(tagged.filter((entry) => !listed.has(entry))).toEqual([]);
  });

  test('at least 70 rows have a test', () => {
    expect(rows.filter(({files}) => files.length > 0).length).toBeGreaterThanOrEqual(70);
  });
});

describe('docs/guarantees.md', () => {
  const text = read('docs/guarantees.md');
  const sections = text.split(/^### /m).slice(1);

  test('has the eight guarantees, each with invariants and tests', () => {
    expect(sections.map((section) => section.slice(0, 2))).toEqual([
      'G1',
      'G2',
      'G3',
      'G4',
      'G5',
      'G6',
      'G7',
      'G8',
    ]);
    expect(
      sections.filter((section) => !/Because of: I\d/.test(section) || !/`test\//.test(section)),
    ).toEqual([]);
  });

  test('names only test files that exist, and quotes only titles of tests that exist', () => {
    const files = [...text.matchAll(/`(test\/[\w*/.]+)`/g)].map(([, name = '']) => name);
    const matches = (name: string): string[] => {
      const pattern = new RegExp(`^${name.replaceAll('*', '[^/]*')}(?:[^/]*\\.test\\.ts|/.*)$`);
      return TESTS.filter((file) => pattern.test(file));
    };
    expect(files.filter((name) => matches(name).length === 0)).toEqual([]);
    const all = TESTS.map(read).join('\n');
    const quoted = [...text.matchAll(/\("([^"]+)"(?:, "([^"]+)")?\)/g)].flatMap(([, a, b]) => [a, b]);
    expect(quoted.filter((title) => title !== undefined && !all.includes(title))).toEqual([]);
  });

  test('cites only numbers that src/SPEC.md defines', () => {
    const spec = [...read('src/SPEC.md').matchAll(/^\| ([SICL]\d+) \|/gm)].map(([, number = '']) => number);
    const cited = [...text.matchAll(/\b([SIC]\d+)\b/g)].map(([, number = '']) => number);
    expect(cited.filter((number) => !spec.includes(number))).toEqual([]);
  });
});

test('docs/operations.md names the commands for quarantined records', () => {
  for (const command of ['dlq list', 'dlq show', 'dlq replay', 'dlq drop'])
    expect(read('docs/operations.md')).toContain(command);
});
