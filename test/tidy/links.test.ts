/** Every relative link of a Markdown file leads to a file of this repository, and to a heading that exists. */
import {spawnSync} from 'node:child_process';
import {existsSync, readFileSync, statSync} from 'node:fs';
import {dirname, join, normalize} from 'node:path';

const {stdout} = spawnSync('git', ['ls-files', '*.md'], {encoding: 'utf8'});
const FILES = stdout.split('\n').filter((file) => file !== '' && existsSync(file));

/** Returns the text without blocks of code, whose lines are neither headings nor links. */
function prose(file: string): string {
  return readFileSync(file, 'utf8').replace(/^\s*```[\s\S]*?^\s*```$/gm, '');
}

/** Returns the anchors that GitHub gives to the headings of a file. */
function anchorsOf(file: string): Set<string> {
  const found = new Set<string>();
  for (const [, heading = ''] of prose(file).matchAll(/^#{1,6} +(.+?) *#*$/gm)) {
    const text = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const base = text.replace(/[^\p{L}\p{N}_ -]/gu, '').replaceAll(' ', '-');
    let anchor = base;
    for (let count = 1; found.has(anchor); count++) anchor = `${base}-${count}`;
    found.add(anchor);
  }
  return found;
}

/** Returns the targets of links and images, also those in HTML. Inline code contains none. */
function targetsOf(file: string): string[] {
  const text = prose(file).replace(/`[^`\n]*`/g, 'x');
  return [
    ...[...text.matchAll(/\]\(([^)\s]+)(?: "[^"]*")?\)/g)].map(([, target = '']) => target),
    ...[...text.matchAll(/\b(?:src|srcset|href)="([^"\s]+)"/g)].map(([, target = '']) => target),
  ].filter((target) => !/^[a-z][a-z+.-]*:/i.test(target));
}

/** Says what is wrong with a link, or nothing. */
function faultOf(file: string, target: string): string[] {
  const [path = '', anchor] = target.split('#', 2);
  const goal = path === '' ? file : normalize(join(dirname(file), decodeURIComponent(path)));
  if (goal.startsWith('..') || !existsSync(goal)) return [`${file}: ${target}: no such file`];
  if (anchor === undefined) return [];
  if (statSync(goal).isDirectory()) return [`${file}: ${target}: a folder has no headings`];
  return anchorsOf(goal).has(anchor) ? [] : [`${file}: ${target}: no such heading`];
}

test('the check of a link reports missing files and headings', () => {
  expect(faultOf('docs/deploy.md', 'redis.md#what-does-redis-need')).toEqual([]);
  expect(faultOf('docs/deploy.md', '#upgrade')).toEqual([]);
  expect(faultOf('docs/deploy.md', 'redis.md#what-does-redis-want')).toHaveLength(1);
  expect(faultOf('docs/deploy.md', 'missing.md')).toHaveLength(1);
});

test('every relative link leads to a file and a heading that exist', () => {
  expect(FILES.length).toBeGreaterThan(20);
  const links = FILES.flatMap((file) => targetsOf(file).map((target) => ({file, target})));
  expect(links.length).toBeGreaterThan(100);
  expect(links.flatMap(({file, target}) => faultOf(file, target))).toEqual([]);
});
