/** The protocol between the worker and apply.lua: replies, row modes, rights and arguments. */
import {readFileSync} from 'node:fs';
import {
  APPLY_SCRIPT,
  parseReply,
  REPLY,
  RELEASE_SCRIPT,
  RIGHTS_SCRIPT,
  ROW_MODE,
  scriptArguments,
} from '../../src/apply/script.js';
import {isRepairLease, type AuditRequest} from '../../src/redis-model/audit.js';
import {createdOrders} from '../../src/apply/createdOrders.js';
import {MERGE_SCRIPT, TAKE_SCRIPT} from '../../src/apply/mergeScript.js';
import {isLoaded, LOAD_SCRIPT, loadArguments} from '../../src/apply/loadScript.js';
import {reduce} from '../../src/reduce.js';
import {item, itemGone, order, orderGone} from '../support/changes.js';

const code = APPLY_SCRIPT.lua;
const literals = (pattern: RegExp, lua = code): string[] => [
  ...new Set([...lua.matchAll(pattern)].map(([, word]) => word ?? '')),
];
const CALLS = /(?:call|pcall_|in_slices|read_slices)\('([A-Z]+)'/g;

test('the replies of the script are exactly the replies that the worker can parse', () => {
  const replies = literals(/return \{'(\w+)'/g);
  expect(replies.sort()).toEqual(Object.values(REPLY).sort());
});

test('the worker can send every row mode that the script compares', () => {
  const compared = literals(/mode == '(\w+)'/g);
  const modes: string[] = Object.values(ROW_MODE);
  expect(compared.filter((mode) => !modes.includes(mode))).toEqual([]);
  // The script has no comparison for `keep`: it is the case that remains.
  expect(modes.filter((mode) => !compared.includes(mode))).toEqual([ROW_MODE.keep]);
});

test('the preflight check asks for exactly the rights that the scripts and the worker need (I5)', () => {
  const needed = literals(CALLS);
  const asked = [...RIGHTS_SCRIPT.lua.matchAll(/\{'([A-Z]+)'/g)].map(([, command]) => command ?? '');
  const released = [...RELEASE_SCRIPT.lua.matchAll(/redis\.call\('([A-Z]+)'/g)].map(
    ([, command]) => command ?? '',
  );
  const merged = literals(CALLS, MERGE_SCRIPT.lua);
  const taken = [...TAKE_SCRIPT.lua.matchAll(/redis\.call\('([A-Z]+)'/g)].map(([, command]) => command ?? '');
  // The worker reads positions (MGET), quarantined offsets (HKEYS), merged offsets (HMGET) and outboxes (LRANGE) outside of the scripts.
  const outside = ['MGET', 'HKEYS', 'HMGET', 'LRANGE'];
  const used = new Set([...needed, ...released, ...merged, ...taken, ...outside]);
  expect([...new Set(asked)].sort()).toEqual([...used].sort());
  const asksFirst =
    /missing_right\(KEYS\[1\], prefix, false, not has_reports\)[\s\S]*?pcall_\('HINCRBY', CHUNKS/;
  expect(code).toMatch(asksFirst);
});

test('the script is sent to Redis without its comments', () => {
  expect(APPLY_SCRIPT.lua).not.toContain('--');
  expect(APPLY_SCRIPT.lua).toMatch(/return \{'applied', created_count \+ patch_count, entry\}\s*$/);
});

test('the header of the script names every reply and every row mode', () => {
  const file = readFileSync('src/apply/apply.lua', 'utf8');
  const header = /--\[\[\s+(Applies[\s\S]*?)\]\]/.exec(file)?.[1] ?? '';
  const words = [...Object.values(REPLY), ...Object.values(ROW_MODE), 'CORRUPT', 'NOPERM'];
  expect(words.filter((word) => !header.includes(word))).toEqual([]);
});

test('the arguments of the script have the order that its header documents', () => {
  const reduction = reduce([
    item('1/11', {product: '20', quantity: '3'}),
    itemGone('1/12'),
    order('2', {user: '8', total: '1.50', extra: ['paid', null], isCreate: true}),
    item('2/31', {product: '21', quantity: '1'}),
    item('2/30', {product: '21', quantity: '4'}),
    orderGone('3'),
    orderGone('4'),
    order('4', {user: '9', total: '2.00', extra: ['', '+x']}),
  ]);
  const settings = {prefix: 'shop:', layout: 'v1 topic=t', extraColumns: ['status', 'note']};
  const quarantine = new Map([['t:0:7', '{}']]);
  const audit = {text: 'ALTER TABLE at t[0] offset 8', truncated: undefined};
  const request = {expected: 'a', next: 'b', reduction, quarantine, settled: ['t:0:1', 't:0:2'], audit};
  const [expected, next, prefix, layout, chunk = '', ...rest] = scriptArguments(request, settings);
  expect([expected, next, prefix, layout, rest]).toEqual(['a', 'b', 'shop:', 'v1 topic=t', []]);
  expect(JSON.parse(chunk)).toEqual([
    ['status', 'note'],
    ['21', 5, '20', 0],
    ['8', 150],
    [5, 0, 150, 1, 1],
    [
      ...['2', '8', '1.50', '+paid', '-', '2', 'product_id:21,quantity:4;product_id:21,quantity:1'],
      '30:21:4;31:21:1',
    ],
    ['t:0:7', '{}'],
    ['t:0:1', 't:0:2'],
    3,
    [
      ...['1', 'keep', 4, '11', '20:3', '12', ''],
      ...['3', 'clear', 0],
      ...['4', 'replace', '9', '2.00', '+', '++x', 0],
    ],
    -1,
    ['ALTER TABLE at t[0] offset 8', 0],
  ]);
});

test('the script checks the lease of an audit only after a TRUNCATE, and not for a read model that is being built', () => {
  const sent = (settings: object, audit?: AuditRequest): unknown => {
    const all = {prefix: '', layout: 'l', extraColumns: [], ...settings};
    const chunk = scriptArguments({expected: 'a', next: 'b', reduction: reduce([]), audit}, all)[4] ?? '';
    return (JSON.parse(chunk) as unknown[]).at(-1);
  };
  const truncated = {text: 'TRUNCATE TABLE at t[0] offset 8', truncated: 'table orders was truncated'};
  expect(sent({})).toEqual([]);
  expect(sent({}, {...truncated, truncated: undefined})).toEqual([truncated.text, 0]);
  expect(sent({}, truncated)).toEqual([truncated.text, 1]);
  expect(sent({isAudited: true}, truncated)).toEqual([truncated.text, 0]);
});

test('the lease of an audit that repairs differs from every other text', () => {
  expect(isRepairLease('3f1c audit-repair on host-1, process 7, since 2026-11-30')).toBe(true);
  for (const text of [
    '',
    '3f1c audit on host-1, process 7',
    'audit-repair on host',
    '3f1c audit-repair',
    '3f1c  audit-repair on',
  ])
    expect(isRepairLease(text)).toBe(false);
  expect(code).toContain("'^%S+ audit%-repair '");
});

test('an unpaired surrogate is sent as U+FFFD; pairs and texts that look like an escape are sent unchanged', () => {
  const texts = ['a\ud800b', '\udfff', '\u{1f600}', '\\ud800'];
  const reduction = reduce([order('1', {extra: texts})]);
  const settings = {prefix: '', layout: 'l', extraColumns: ['a', 'b', 'c', 'd']};
  const [, , , , chunk = ''] = scriptArguments({expected: 'a', next: 'b', reduction}, settings);
  const sent = (JSON.parse(chunk) as unknown[]).at(-3) as string[];
  expect(sent.slice(4, 8)).toEqual(['+a\ufffdb', '+\ufffd', '+\u{1f600}', '+\\ud800']);
});

test('known replies are parsed, and an unknown reply is an internal error and not a success', () => {
  const ours = 'v1 topic=t partitions=6 decimals=2 columns=';
  const truncated = 't[0] offset 8: table orders was truncated';
  const read = (reply: unknown): unknown => parseReply(reply, {layout: ours, truncated});
  expect(read(['applied', 3])).toEqual({kind: 'applied'});
  expect(read(['rejected', ''])).toEqual({kind: 'rejected', stored: ''});
  expect(read(['rejected', 'v1 5'])).toEqual({kind: 'rejected', stored: 'v1 5'});
  expect(read(['corrupt', '7', 'order:7 is not a hash'])).toEqual({
    kind: 'corrupt',
    orderId: '7',
    what: 'order:7 is not a hash',
  });
  for (const reply of [
    null,
    'applied',
    [],
    ['rejected'],
    ['rejected', 5],
    ['corrupt', '7'],
    ['layout'],
    ['new'],
    {},
  ]) {
    expect(() => read(reply)).toThrow(/^internal: the apply script returned a reply/);
  }
  expect(() => read(['unaudited'])).toThrow(
    /^table-truncated: t\[0\] offset 8: table orders was truncated, and /,
  );
  expect(() => parseReply(['unaudited'], {layout: ours})).toThrow(/^internal: the apply script returned/);
  const other = ours.replace('decimals=2', 'decimals=3');
  expect(() => read(['layout', other])).toThrow(/^layout-changed: .*decimals is "2", and was "3"$/);
});

test('the arguments and replies of the load script have the form that its header documents', () => {
  const orders = createdOrders(
    reduce([order('7', {user: '5', total: '1.50', isCreate: true}), item('7/71')]),
  );
  const settings = {prefix: 'shop:', layout: 'v1', extraColumns: []};
  const [expected, prefix, chunk = '', ...rest] = loadArguments({expected: 'a', orders}, settings);
  expect([expected, prefix, rest]).toEqual(['a', 'shop:', []]);
  const items = orders[0]?.items;
  expect(JSON.parse(chunk)).toEqual([[], 1, ['7', '5', '1.50', '1', items, orders[0]?.storedItems]]);
  expect([isLoaded(['loaded']), isLoaded(['rejected', 'v1 5'])]).toEqual([true, false]);
  expect(() => isLoaded(['other'])).toThrow('does not support');
  expect([...LOAD_SCRIPT.lua.matchAll(/return \{'(\w+)'/g)].map(([, word]) => word)).toEqual([
    'rejected',
    'loaded',
  ]);
});
