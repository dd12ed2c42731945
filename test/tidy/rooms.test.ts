/**
 * The folders of src are rooms. Each room imports only the rooms that src/README.md allows, and no files
 * import each other in a cycle.
 */
import {spawnSync} from 'node:child_process';
import {existsSync, readFileSync} from 'node:fs';
import {dirname, join, normalize} from 'node:path';

const read = (file: string): string => readFileSync(file, 'utf8');
const {stdout} = spawnSync('git', ['ls-files', 'src'], {encoding: 'utf8'});
const FILES = stdout.split('\n').filter((file) => file.endsWith('.ts') && existsSync(file));
/** The entry points connect all rooms, so they can import everything. */
const ENTRIES = ['src/main.ts', 'src/healthcheck.ts'];

/** Returns the files of src that a file imports, including imports of types. */
function importsOf(file: string): string[] {
  const specifiers = [...read(file).matchAll(/(?:\bfrom|\bimport\() ?'(\.[^']+)'/g)];
  return specifiers.map(([, specifier = '']) =>
    normalize(join(dirname(file), specifier)).replace(/\.js$/, '.ts'),
  );
}

/** Returns `worker/` for src/worker/partition.ts, and `reduce.ts` for src/reduce.ts. */
function roomOf(file: string): string {
  const [, first = '', ...rest] = file.split('/');
  return rest.length === 0 ? first : `${first}/`;
}

/** Maps each room to the rooms that it may import, from the table in src/README.md. */
function allowed(): Map<string, Set<string>> {
  const table = /^## Rooms\n([\s\S]*?)\n## /m.exec(read('src/README.md'))?.[1] ?? '';
  const rows = [...table.matchAll(/^\| `([\w.-]+\/?)` \|[^|]*\| (.*) \|$/gm)];
  const rooms = rows.map(([, room = '']) => room);
  return new Map(
    rows.map(([, room = '', words = '']) => {
      if (words === 'everything') return [room, new Set(rooms)];
      const named = [...words.matchAll(/`([\w.-]+)`/g)].map(([, name = '']) =>
        name.endsWith('.ts') ? name : `${name}/`,
      );
      return [room, new Set(named)];
    }),
  );
}

test('every room is in the table of src/README.md, and imports only the rooms that the table allows', () => {
  const rooms = allowed();
  expect(rooms.size).toBeGreaterThan(10);
  const wrong = FILES.filter((file) => !ENTRIES.includes(file)).flatMap((file) => {
    const room = roomOf(file);
    const may = rooms.get(room);
    if (may === undefined) return [`${file}: the room ${room} is not in the table`];
    return importsOf(file)
      .filter((other) => roomOf(other) !== room && !may.has(roomOf(other)))
      .map((other) => `${file} -> ${other}`);
  });
  expect(wrong).toEqual([]);
});

test('an operation imports no other operation', () => {
  const operationOf = (file: string): string | undefined => /^src\/operations\/(\w+)\//.exec(file)?.[1];
  const wrong = FILES.flatMap((file) =>
    importsOf(file)
      .filter((other) => {
        const [own, its] = [operationOf(file), operationOf(other)];
        return own !== undefined && its !== undefined && own !== its;
      })
      .map((other) => `${file} -> ${other}`),
  );
  expect(wrong).toEqual([]);
});

test('a command imports no other command, unless their names begin the same: dlq imports dlqReplay', () => {
  const commandOf = (file: string): string | undefined => /^src\/cli\/commands\/(\w+)\.ts$/.exec(file)?.[1];
  const wrong = FILES.flatMap((file) => {
    const own = commandOf(file);
    const others = importsOf(file).filter((other) => !(commandOf(other) ?? '').startsWith(own ?? ''));
    return own === undefined ? [] : others.filter((other) => commandOf(other) !== undefined);
  });
  expect(wrong).toEqual([]);
});

test('no files import each other in a cycle', () => {
  const circles: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    const at = path.indexOf(file);
    if (at >= 0) circles.push([...path.slice(at), file].join(' -> '));
    if (at >= 0 || done.has(file) || !existsSync(file)) return;
    for (const other of importsOf(file)) visit(other, [...path, file]);
    done.add(file);
  };
  for (const file of FILES) visit(file, []);
  expect(circles).toEqual([]);
});
