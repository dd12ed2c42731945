/** The fenced blocks of the documents: each says what it is, so that test/pipeline/commands can run those that are commands. */
import {spawnSync} from 'node:child_process';
import {existsSync, readFileSync} from 'node:fs';
import {BLOCK_KINDS, blocksOf, markdownFiles} from '../support/commandBlocks.js';

const blocks = markdownFiles().flatMap(blocksOf);
const {scripts} = JSON.parse(readFileSync('package.json', 'utf8')) as {scripts: Record<string, string>};

test('every fenced block has one of the kinds that test/README.md describes', () => {
  const kinds: readonly string[] = BLOCK_KINDS;
  const others = blocks.filter(({kind}) => !kinds.includes(kind));
  expect(others.map(({file, line, kind}) => `${file}:${line} has the kind "${kind}"`)).toEqual([]);
  const described = readFileSync('test/README.md', 'utf8');
  expect(kinds.filter((kind) => !described.includes(`\`${kind}\``))).toEqual([]);
});

test('every block for a shell is valid bash, and names only scripts, files and folders that exist', () => {
  const faults = blocks
    .filter(({kind}) => kind.startsWith('sh'))
    .flatMap(({file, line, text}) => {
      const {status, stderr} = spawnSync('bash', ['-n', '-s'], {input: text, encoding: 'utf8'});
      const called = [...text.matchAll(/npm run (?:-s )?([\w-]+)/g)].map(([, name]) => name ?? '');
      const paths = [...text.matchAll(/(?<![\w/.=-])(?:deploy|shops|stack|test|src|connectors)\/[\w./-]*/g)];
      return [
        ...(status === 0 ? [] : [stderr]),
        ...called.filter((name) => scripts[name] === undefined).map((name) => `npm run ${name}`),
        ...paths.map(([path]) => path).filter((path) => !existsSync(path)),
      ].map((fault) => `${file}:${line}: ${fault}`);
    });
  expect(faults).toEqual([]);
});

test('a block that is not marked as output does not look like a session', () => {
  const sessions = blocks.filter(({kind, text}) => kind.startsWith('sh') && /^\$ /m.test(text));
  expect(sessions.map(({file, line}) => `${file}:${line}`)).toEqual([]);
});
