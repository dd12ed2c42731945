/**
 * Rules that neither the compiler nor the linter checks: lengths, names and leftovers of files, and documents
 * that agree with the code.
 */
import {spawnSync} from 'node:child_process';
import {existsSync, readFileSync} from 'node:fs';
import {basename, extname} from 'node:path';
import {ERROR_POLICY} from '../../src/runtime/errorPolicy.js';
import type {Setting} from '../../src/config/setting.js';
import {settingsPage} from '../../src/config/forms.js';
import {SETTINGS} from '../../src/config/settings.js';

const CODE = ['.ts', '.mjs', '.js', '.lua', '.sql', '.html', '.css', '.svg'];
const FILES = tracked();
const TEXTS = FILES.filter((file) =>
  [...CODE, '.md', '.json', '.yml', '.yaml', '.xml', ''].includes(extname(file)),
);
const own = (folder: string, ...endings: string[]): string[] =>
  FILES.filter((file) => file.startsWith(`${folder}/`) && endings.includes(extname(file)));
const read = (file: string): string => readFileSync(file, 'utf8');

/** Returns the tracked files that exist in the work tree. */
function tracked(): string[] {
  const {stdout, status} = spawnSync('git', ['ls-files'], {encoding: 'utf8'});
  if (status !== 0) throw new Error('the tidy test needs a git checkout');
  return stdout.split('\n').filter((file) => file !== '' && existsSync(file));
}

/** Returns `file:line` for every line that matches. */
function places(files: readonly string[], pattern: RegExp): string[] {
  return files.flatMap((file) =>
    read(file)
      .split('\n')
      .flatMap((line, index) => (pattern.test(line) ? [`${file}:${index + 1}`] : [])),
  );
}

describe('files', () => {
  test('are at most 400 lines long, because a longer file contains more than one idea', () => {
    const long = [
      ...own('src', '.ts', '.lua', '.html', '.css'),
      ...own('stack', '.ts', '.mjs'),
      ...own('test', '.ts'),
    ]
      .map((file) => ({file, lines: read(file).split('\n').length - 1}))
      .filter(({lines}) => lines > 400);
    expect(long).toEqual([]);
  });

  test('are named after their content, so no file is named utils or helpers', () => {
    const banned = /^(?:utils?|helpers?|commons?|types?|misc|shared)\.(?:ts|mjs|js|lua)$/;
    expect(FILES.filter((file) => banned.test(basename(file)))).toEqual([]);
  });

  test('in src begin with a comment about their purpose', () => {
    const silent = own('src', '.ts').filter((file) => !/^(?:\/\*\*|#!)/.test(read(file)));
    expect(silent).toEqual([]);
  });
});

describe('comments', () => {
  test('in src name only files that exist', () => {
    const known = (name: string): boolean => FILES.some((file) => file === name || file.endsWith(`/${name}`));
    const comments = (file: string): string =>
      [...read(file).matchAll(/\/\*[\s\S]*?\*\/|(?:\/\/|--).*$/gm)].map(([text]) => text).join('\n');
    const wrong = own('src', '.ts', '.lua').flatMap((file) =>
      [...comments(file).matchAll(/(?<![\w./*])((?:[\w-]+\/)*[\w-]+\.(?:ts|lua))\b/g)]
        .map(([, name = '']) => name)
        .filter((name) => !known(name))
        .map((name) => `${file}: ${name}`),
    );
    expect(wrong).toEqual([]);
  });
});

describe('leftovers', () => {
  const sources = FILES.filter((file) => CODE.includes(extname(file)));

  test('no source file marks unfinished work', () => {
    expect(
      places(sources, new RegExp(`\\b(?:${['TO', 'DO'].join('')}|${['FIX', 'ME'].join('')})\\b`)),
    ).toEqual([]);
  });

  test('no test is skipped, and none runs alone', () => {
    const tests = FILES.filter((file) => file.endsWith('.test.ts'));
    expect(places(tests, /\.(?:only|skip|todo)\(|\b(?:xtest|xit|fit|fdescribe|xdescribe)\(/)).toEqual([]);
  });

  test('every test file contains an assertion', () => {
    const tests = FILES.filter((file) => file.endsWith('.test.ts'));
    expect(tests.filter((file) => !/\bexpect\(|\bexpect\w+\(/.test(read(file)))).toEqual([]);
  });

  test('no file contains an absolute path of one machine', () => {
    const rooted = ['work', 'root', 'home', 'Users'].map((folder) => `/${folder}/`).join('|');
    expect(places(TEXTS, new RegExp(`(?:^|[\\s'"\`=(:])(?:${rooted})`))).toEqual([]);
  });

  test('no file contains the address of a package registry or a mirror: those belong to the machine', () => {
    // The names are in parts, so that this file does not contain the addresses.
    const hosts = [
      ['registry', 'npmjs'],
      ['registry', 'yarnpkg'],
      ['repo1', 'maven'],
      ['repo', 'maven.apache'],
      ['deb', 'debian'],
    ].map((parts) => parts.join('.'));
    const files = TEXTS.filter((file) => !file.endsWith('package-lock.json'));
    const pattern = new RegExp(hosts.map((host) => host.replace('.', '\\.')).join('|'));
    expect(places(files, pattern).filter((place) => !place.startsWith('test/tidy/'))).toEqual([]);
  });
});

describe('src/SPEC.md', () => {
  /** Returns the numbers that the file defines. Each is the first text in a table row or a line. */
  const defined = (): string[] =>
    [...read('src/SPEC.md').matchAll(/^[\s|*#-]*\**([SICL]\d+)\b/gm)].map(([, number]) => number ?? '');
  const cited = (file: string): string[] =>
    [...read(file).matchAll(/\(([A-Z]\d+[ab]?(?:, ?[A-Z]\d+[ab]?)*)\)/g)]
      .flatMap(([, list]) => (list ?? '').split(/, ?/))
      .filter((number) => /^[SICL]/.test(number));
  const tests = FILES.filter((file) => file.endsWith('.test.ts'));

  test('defines each number once, without gaps', () => {
    const numbers = defined();
    expect(new Set(numbers).size).toBe(numbers.length);
    for (const letter of 'SICL') {
      const ofLetter = numbers.filter((number) => number.startsWith(letter));
      expect(ofLetter).toEqual(ofLetter.map((_, index) => `${letter}${index + 1}`));
      expect(ofLetter.length).toBeGreaterThan(0);
    }
  });

  test('every number is cited by a test', () => {
    const all = new Set(tests.flatMap(cited));
    expect(defined().filter((number) => !all.has(number))).toEqual([]);
  });

  test('every number that a test or a source file cites is defined', () => {
    const known = new Set(defined());
    const strangers = [...tests, ...own('src', '.ts', '.lua')].flatMap((file) =>
      cited(file)
        .filter((number) => !known.has(number))
        .map((number) => `${file}: ${number}`),
    );
    expect(strangers).toEqual([]);
  });
});

describe('src/README.md', () => {
  const named = (): string[] => {
    const map = /^## Map\n([\s\S]*?)(?=^## |(?![\s\S]))/m.exec(read('src/README.md'))?.[1] ?? '';
    return map
      .split('\n')
      .filter((line) => line.startsWith('| `'))
      .flatMap((line) => [...(line.split('|')[1] ?? '').matchAll(/`([^`]+)`/g)])
      .map(([, file]) => `src/${file ?? ''}`);
  };

  test('the map names every file in src', () => {
    const files = own('src', ...CODE, '.md').filter((file) => !/^src\/(?:README|SPEC)\.md$/.test(file));
    expect(files.filter((file) => !named().includes(file))).toEqual([]);
  });

  test('the map names only files that exist', () => {
    expect(named().filter((file) => !existsSync(file))).toEqual([]);
  });
});

test('every kind of error that has a policy is used in src', () => {
  const sources = own('src', '.ts').filter((file) => !/runtime\/error(?:s|Policy)\.ts$/.test(file));
  const text = sources.map(read).join('\n');
  const kinds = Object.keys(ERROR_POLICY);
  expect(kinds.filter((kind) => !text.includes(`'${kind}'`))).toEqual([]);
});

describe('docs/settings.md', () => {
  const settings: Setting<unknown>[] = Object.values(SETTINGS);
  const page = read('docs/settings.md');

  test('equals the output of `npm run settings`', () => {
    expect(page).toBe(settingsPage());
  });

  test('names each setting in exactly one row', () => {
    const rows = [...page.matchAll(/^\| `([A-Z_]+)` \|/gm)].map(([, name = '']) => name);
    expect([...rows].sort()).toEqual(settings.map(({env}) => env).sort());
  });
});
