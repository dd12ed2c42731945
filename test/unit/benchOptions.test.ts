/** The options of `npm run bench`, and the contenders that they select. */
import {otherCheckout, underNode} from '../../bench/builds.js';
import {contenders} from '../../bench/contender.js';
import {HELP, readOptions} from '../../bench/options.js';

test('the default is the comparison, and --all makes it longer', () => {
  expect(readOptions([])).toMatchObject({what: 'compare', hasAll: false, events: 300_000, rounds: 3});
  expect(readOptions(['--all'])).toMatchObject({what: 'compare', hasAll: true, events: 1_000_000});
  expect(readOptions(['--load', '--orders', '5000'])).toMatchObject({what: 'load', orders: 5_000});
  expect(readOptions(['--layouts', '--rounds', '2'])).toMatchObject({
    what: 'layouts',
    rounds: 2,
    mode: 'native',
  });
  expect(readOptions(['--node', 'a', '--node=b'])?.nodes).toEqual(['a', 'b']);
  expect(readOptions(['--help'])).toBeUndefined();
});

test.each([
  [['--load', '--events', '5000'], '--events has no effect on --load'],
  [['--orders=5000'], '--orders has no effect on the comparison'],
  [['--latency', '--against', 'x'], '--against has no effect on --latency'],
  [['--load', '--node', 'x'], '--node has no effect on --load'],
  [['--crash', '--load'], '--crash and --load cannot be combined'],
  [['--layouts', '--docker'], '--layouts needs --native'],
  [['--orders', '5', '--load'], '--orders must be an integer of at least 1000'],
])('the options %j are rejected, and the message says why', (args, message) => {
  expect(() => readOptions(args)).toThrow(message);
});

test('the help names each option', () => {
  for (const option of ['all', 'latency', 'crash', 'scale', 'load', 'layouts', 'events', 'orders', 'rounds'])
    expect(HELP).toContain(`\n  --${option} `);
  for (const option of ['against', 'node', 'native', 'docker', 'keep', 'help'])
    expect(HELP).toContain(`\n  --${option} `);
});

test('a folder without a build is rejected, and the message says how to build it', () => {
  expect(() => otherCheckout('docs')).toThrow(/docs\/dist\/main\.js.*npm ci && npm run build/s);
});

test('a program that is not Node is rejected, and Node itself is named by its version', async () => {
  await expect(underNode('/bin/true')).rejects.toThrow('printed no version');
  await expect(underNode('./missing-node')).rejects.toThrow('printed no version');
  expect(await underNode(process.execPath)).toMatchObject({label: `Node ${process.version}`});
});

test('the usual rows are few, and other builds stand next to this one', () => {
  const against = {label: 'the other checkout', main: 'x'};
  const nodes = [{label: 'Node v24.0.0', node: 'x'}];
  const rows = (hasAll: boolean): string[] =>
    contenders({hasAll, against, nodes, redisBenchmark: undefined}).map(({name, form}) => `${name}, ${form}`);
  expect(rows(false)).toEqual([
    'commands merged per batch, compact',
    'commands merged per batch, envelope',
    'order projector, compact',
    'order projector, the other checkout, compact',
    'order projector, envelope',
    'order projector, the other checkout, envelope',
    'order projector, Node v24.0.0, compact',
    'ceiling: kafkajs and JSON.parse, compact',
    'ceiling: kafkajs and JSON.parse, envelope',
  ]);
  expect(rows(true)).toEqual(expect.arrayContaining(rows(false)));
  expect(rows(true)).toContain('order projector, two workers, compact');
});
