/** The checks of `projector doctor` on a Redis Cluster, on given answers. */
import type {ServerInfo} from '../../src/clients/redis/client.js';
import {fail, type Check} from '../../src/operations/doctor/check.js';
import {judgeShares, worst} from '../../src/operations/doctor/clusterChecks.js';
import {judgeEviction, judgeMemory} from '../../src/operations/doctor/redisChecks.js';

const masters = (...infos: Record<string, string>[]): ServerInfo[] =>
  infos.map((fields, index) => ({node: `h:${index + 1}`, fields: new Map(Object.entries(fields))}));

const CASES: readonly (readonly [name: string, check: () => Check, wanted: RegExp])[] = [
  [
    'a cluster of which one master may evict keys',
    () =>
      worst(masters({maxmemory_policy: 'noeviction'}, {maxmemory_policy: 'allkeys-lru'}), ({fields}) =>
        judgeEviction(fields),
      ),
    /^fail: h:2: maxmemory-policy allkeys-lru: Redis may evict orders$/,
  ],
  [
    'a cluster whose masters have the same setting',
    () =>
      worst(masters({maxmemory_policy: 'noeviction'}, {maxmemory_policy: 'noeviction'}), ({fields}) =>
        judgeEviction(fields),
      ),
    /^ok: h:1, h:2: maxmemory-policy noeviction$/,
  ],
  [
    'a cluster whose masters differ, and both are good',
    () =>
      worst(masters({used_memory: '1048576'}, {used_memory: '2097152'}), ({fields}) => judgeMemory(fields)),
    /^ok: h:1: 1\.0 MiB in use, maxmemory is not set; h:2: 2\.0 MiB in use, maxmemory is not set$/,
  ],
  [
    'partitions on all masters',
    () => judgeShares({nodes: ['h:1', 'h:2'], partitions: ['h:1', 'h:2', 'h:2'], reports: 'h:1'}),
    /^ok: h:1 has 1 partition and the reports, h:2 has 2 partitions$/,
  ],
  [
    'a master without partitions, although another one has two',
    () => judgeShares({nodes: ['h:1', 'h:2'], partitions: ['h:1', 'h:1'], reports: 'h:1'}),
    /^warn: h:1 has 2 partitions and the reports, h:2 has 0 partitions$/,
  ],
  [
    'a master for the reports alone',
    () => judgeShares({nodes: ['h:1', 'h:2'], partitions: ['h:1', 'h:1'], reports: 'h:2'}),
    /^ok: .*h:2 has 0 partitions and the reports$/,
  ],
];

test('two masters with different faults: all fixes are named, and the smallest exit code is that of the check', () => {
  const faults: Record<string, Check> = {
    'h:1': fail('x', 'is full', {fix: 'Free space.', exitCode: 5}),
    'h:2': fail('x', 'is away', {fix: 'Start it.', exitCode: 4}),
  };
  expect(worst(masters({}, {}), ({node}) => faults[node]!)).toEqual(
    fail('x', 'h:2: is away; h:1: is full', {fix: 'Start it. Free space.', exitCode: 4}),
  );
});

test.each(CASES)('%s', (_name, check, wanted) => {
  const {verdict, detail, fix} = check();
  expect(`${verdict}: ${detail}`).toMatch(wanted);
  expect(fix !== null).toBe(verdict !== 'ok');
});
