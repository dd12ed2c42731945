/** The documents are written in plain English and in the terms of the field: no private words, no long sentences. */
import {readdirSync, readFileSync} from 'node:fs';

const DOCUMENTS = [
  ...readdirSync('docs')
    .filter((name) => name.endsWith('.md'))
    .map((name) => `docs/${name}`),
  ...['src/README.md', 'src/SPEC.md', 'src/decode/TYPES.md', 'connectors/README.md', 'test/README.md'],
  ...['CHANGELOG.md', 'SECURITY.md'],
];
const WORDS_MAX = 35;

/** What is replaced, and by what. What stands in backticks is literal and is not looked at. */
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
  [/\bfor now\b/i, 'leave it out: it goes stale'],
  [/\bnot there yet\b/i, 'leave it out: it goes stale'],
];

/** Paragraphs and list items without code, with the line on which each begins. */
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
    // Tables, and the lists of tests behind a guarantee.
    .filter(({text}) => !/^(?:\||Because of:)/.test(text))
    .flatMap(({line, text}) =>
      text
        .split(/(?<=[.!?:;])\s+/)
        .filter((sentence) => sentence.split(/\s+/).length > WORDS_MAX)
        .map((sentence) => `${file}:${line}: ${sentence.slice(0, 60)}`),
    );
  expect(wrong).toEqual([]);
});
