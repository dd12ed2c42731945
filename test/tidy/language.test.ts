/** The documents use the terms of the field and short sentences, because readers know no private words. */
import {spawnSync} from 'node:child_process';
import {existsSync, readFileSync} from 'node:fs';
import ts from 'typescript';

/** Returns the tracked files with this ending that exist in the work tree. */
function tracked(ending: string, ...folders: string[]): string[] {
  const {stdout} = spawnSync('git', ['ls-files', ...folders], {encoding: 'utf8'});
  return stdout.split('\n').filter((file) => file.endsWith(ending) && existsSync(file));
}

const DOCUMENTS = tracked('.md');
const WORDS_MAX = 35;

/** Phrases and what to write instead. Text in backticks is literal, so it is not checked. */
const REPLACED: readonly (readonly [phrase: RegExp, by: string])[] = [
  [/\bset(?:s|ting)? aside\b/i, 'quarantine'],
  [/\bma(?:ke|kes|de) anew\b/i, 'rebuild, recreate'],
  [/\bmend(?:s|ed|ing)?\b/i, 'fix, repair'],
  [/\bwhoever\b/i, 'name who it is'],
  [/\btold of\b/i, 'reported'],
  [/\bis over\b/i, 'has expired, has ended'],
  [/\bbeside\b/i, 'alongside, next to, in addition to'],
  [/\bfor so long\b/i, 'give the time'],
  [/\bbehind it\b/i, 'after it'],
  [/\bgoes on by itself\b/i, 'continues without a command'],
  [/\bin turns\b/i, 'alternating'],
  [/\bhandover\b/i, 'cutover'],
  [/\banew\b/i, 'again'],
  [/\bspare\b/i, 'staging'],
  [/\bspoil(?:s|ed)\b/i, 'corrupt'],
  [/\bliving\b/i, 'live'],
  [/\backe?[ds]?\b/i, 'offset commit'],
  [/\bdo(?:es)? not answer\b/i, 'did not respond'],
  [/\bgo(?:es|ing)? on (?:by itself|with)\b/i, 'resume, continue'],
  [/\bthrow(?:s|n)? away\b/i, 'discard'],
  [/\btaken back\b/i, 'reset'],
  [/\bfor now\b/i, 'leave it out: it goes stale'],
  [/\bnot there yet\b/i, 'leave it out: it goes stale'],
];

/** Returns paragraphs and list items without code, with the line on which each begins. */
function proseOf(file: string): {line: number; text: string}[] {
  const found: {line: number; text: string}[] = [];
  let isCode = false;
  let open: {line: number; text: string} | undefined;
  readFileSync(file, 'utf8')
    .split('\n')
    .forEach((text, index) => {
      if (/^\s*```/.test(text)) isCode = !isCode;
      const isBreak = isCode || /^\s*(?:```|$|#|[-*] |\d+\. |\||>)/.test(text);
      if (isBreak) open = undefined;
      if (isCode || /^\s*(?:```|$)/.test(text)) return;
      const plain = text.replace(/`[^`]*`/g, 'x').replace(/\]\([^)]*\)/g, ']');
      if (open === undefined) found.push((open = {line: index + 1, text: plain}));
      else open.text += ` ${plain.trim()}`;
    });
  return found;
}

test.each(DOCUMENTS)('%s uses the terms of the field', (file) => {
  const wrong = proseOf(file).flatMap(({line, text}) =>
    REPLACED.filter(([phrase]) => phrase.test(text)).map(
      ([phrase, by]) => `${file}:${line}: ${phrase.source}: ${by}`,
    ),
  );
  expect(wrong).toEqual([]);
});

test.each(DOCUMENTS)(`%s has no sentence of more than ${WORDS_MAX} words`, (file) => {
  const wrong = proseOf(file)
    // Tables, and the lists of invariants and tests of a guarantee, are not sentences.
    .filter(({text}) => !/^(?:\||Because of:)/.test(text))
    .flatMap(({line, text}) =>
      text
        .split(/(?<=[.!?:;])\s+/)
        .filter((sentence) => sentence.split(/\s+/).length > WORDS_MAX)
        .map((sentence) => `${file}:${line}: ${sentence.slice(0, 60)}`),
    );
  expect(wrong).toEqual([]);
});

/** Returns string literals, templates and comments of a file, with the line on which each begins. */
function wordsOf(file: string): {line: number; text: string}[] {
  const source = ts.createSourceFile(file, readFileSync(file, 'utf8'), ts.ScriptTarget.Latest, true);
  const found: {line: number; text: string}[] = [];
  const add = (at: number, text: string): void => {
    const line = source.getLineAndCharacterOfPosition(at).line + 1;
    found.push({line, text: text.replace(/`[^`]*`/g, 'x')});
  };
  const comments = new Set<number>();
  const visit = (node: ts.Node): void => {
    for (const {pos, end} of ts.getLeadingCommentRanges(source.text, node.getFullStart()) ?? []) {
      if (!comments.has(pos)) add(pos, source.text.slice(pos, end));
      comments.add(pos);
    }
    const isImport = ts.isImportDeclaration(node) || ts.isExportDeclaration(node);
    if (ts.isStringLiteralLike(node) || ts.isTemplateHead(node) || ts.isTemplateMiddleOrTemplateTail(node))
      add(node.getStart(source), node.text);
    if (!isImport) ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

const SOURCES = tracked('.ts', 'src', 'stack', 'bench');

test('messages and comments of the sources use the terms of the field', () => {
  expect(SOURCES.length).toBeGreaterThan(200);
  const wrong = SOURCES.flatMap((file) =>
    wordsOf(file).flatMap(({line, text}) =>
      REPLACED.filter(([phrase]) => phrase.test(text)).map(
        ([phrase, by]) => `${file}:${line}: ${phrase.source}: ${by}`,
      ),
    ),
  );
  expect(wrong).toEqual([]);
});
