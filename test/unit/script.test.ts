/** The words between the worker and apply.lua. */
import {
  APPLY_SCRIPT,
  parseReply,
  REPLY,
  RIGHTS_SCRIPT,
  ROW_MODE,
  scriptArguments,
} from '../../src/apply/script.js';
import {reduce} from '../../src/reduce/reduce.js';
import {line, lineGone, order, orderGone} from '../support/changes.js';

const code = APPLY_SCRIPT.lua.replace(/--\[\[[\s\S]*?\]\]/, '').replace(/--.*$/gm, '');
const literals = (pattern: RegExp): string[] => [
  ...new Set([...code.matchAll(pattern)].map(([, word]) => word ?? '')),
];

test('every reply of the script is known here, and the other way round', () => {
  const replies = literals(/return \{'(\w+)'/g);
  expect(replies.sort()).toEqual(Object.values(REPLY).sort());
});

test('every row mode that the script compares is sent from here', () => {
  const compared = literals(/mode == '(\w+)'/g);
  const modes: string[] = Object.values(ROW_MODE);
  expect(compared.filter((mode) => !modes.includes(mode))).toEqual([]);
  // `keep` is what is left when it is none of the others.
  expect(modes.filter((mode) => !compared.includes(mode))).toEqual([ROW_MODE.keep]);
});

test('the rights that are asked for at start are those that the script needs (I5)', () => {
  const needed = literals(/(?:call|pcall_|in_slices)\('([A-Z]+)'/g);
  const asked = [...RIGHTS_SCRIPT.lua.matchAll(/\{'([A-Z]+)', /g)].map(([, command]) => command ?? '');
  // MGET is how the worker reads positions, outside of the script.
  expect([...new Set(asked)].sort()).toEqual([...needed, 'MGET'].sort());
});

test('the header of the script names every reply and mode', () => {
  const header = /--\[\[([\s\S]*?)\]\]/.exec(APPLY_SCRIPT.lua)?.[1] ?? '';
  const words = [...Object.values(REPLY), ...Object.values(ROW_MODE), 'CORRUPT'];
  expect(words.filter((word) => !header.includes(word))).toEqual([]);
});

test('arguments come in the order that the header gives', () => {
  const reduction = reduce([
    line('1/11', {product: '20', quantity: '3'}),
    lineGone('1/12'),
    order('2', {user: '8', total: '1.50', extra: ['paid', null]}),
    orderGone('3'),
    orderGone('4'),
    order('4', {user: '9', total: '2.00', extra: ['', '+x']}),
  ]);
  const settings = {prefix: 'shop:', extraColumns: ['status', 'note']};
  expect(scriptArguments({expected: 'a', next: 'b', reduction}, settings)).toEqual([
    ...['a', 'b', 'shop:'],
    ...['2', 'status', 'note'],
    ...['1', '20'],
    '4',
    ...['1', 'keep', '2', '11', '20:3', '12', ''],
    ...['2', 'upsert', '8', '1.50', '+paid', '-', '0'],
    ...['3', 'clear', '0'],
    ...['4', 'replace', '9', '2.00', '+', '++x', '0'],
  ]);
});

test('replies are read; unknown ones are a defect, not a success', () => {
  expect(parseReply(['applied', 3])).toEqual({kind: 'applied'});
  expect(parseReply(['refused', ''])).toEqual({kind: 'refused', stored: ''});
  expect(parseReply(['refused', 'v1 5'])).toEqual({kind: 'refused', stored: 'v1 5'});
  for (const reply of [null, 'applied', [], ['refused'], ['refused', 5], ['new'], {}]) {
    expect(() => parseReply(reply)).toThrow(/^internal: the apply script gave a reply/);
  }
});
