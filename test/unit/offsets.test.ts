/** `projector offsets show` without servers: positions, committed offsets and ends of each partition. */
import {printOffsets} from '../../src/cli/commands/offsets.js';
import {main} from '../../src/cli/program.js';
import {readOffsets, type LogAndGroup, type PartitionOffsets} from '../../src/observe/lag.js';
import {keySpace} from '../../src/redis-model/keys.js';
import {StoredPositions} from '../../src/redis-model/storedPositions.js';

const ROWS: readonly PartitionOffsets[] = [
  {partition: 0, position: 124n, isUnreadable: false, committed: 120n, start: 0n, end: 130n, lagRecords: 6n},
  {partition: 1, position: null, isUnreadable: false, committed: null, start: 5n, end: 9n, lagRecords: 4n},
  {partition: 2, position: null, isUnreadable: true, committed: 7n, start: 0n, end: 7n, lagRecords: 7n},
];

test('each partition has a row, which tells a stored position from a missing one and from an unreadable one', async () => {
  const asked: string[] = [];
  const texts = ['v1 124 123 1795426801749 8b1a2c3d 5f3c9a10', null, 'foreign'];
  const redis = {
    getAll: async (keys: readonly string[]): Promise<(string | null)[]> => {
      asked.push(...keys);
      return await Promise.resolve(texts);
    },
  };
  const log: LogAndGroup = {
    ranges: async () => {
      asked.push('ranges');
      return await Promise.resolve(
        new Map([
          [0, {low: 0n, high: 130n}],
          [1, {low: 5n, high: 9n}],
          [2, {low: 0n, high: 7n}],
        ]),
      );
    },
    committedOffsets: async (groupId) => {
      asked.push(groupId);
      return await Promise.resolve(
        new Map([
          [0, 120n],
          [2, 7n],
        ]),
      );
    },
  };
  const positions = new StoredPositions(redis, 't', keySpace('single', 'shop:'));
  const rows = await readOffsets(log, positions, {partitionCount: 3, groupId: 'group'});
  expect(rows).toEqual(ROWS);
  // The order of the reads matters: a committed offset is never newer than the position, and a position
  // is never newer than the topic end.
  expect(asked).toEqual(['group', ...[0, 1, 2].map((i) => `shop:projector:position:t:${i}`), 'ranges']);
});

function printed(rows: readonly PartitionOffsets[], json: boolean): {lines: string[]; notes: string[]} {
  const [lines, notes]: [string[], string[]] = [[], []];
  const output = {line: (text: string) => lines.push(text), note: (text: string) => notes.push(text)};
  printOffsets(rows, {json, topic: 't', groupId: 'group'}, output);
  return {lines, notes};
}

test('the text output is a table, and a note names the partitions with an unreadable position', () => {
  expect(printed(ROWS, false)).toEqual({
    lines: [
      'partition  position    committed  topic start  topic end  lag',
      '        0         124        120            0        130    6',
      '        1  none        none                 5          9    4',
      '        2  unreadable          7            0          7    7',
    ],
    notes: ['the position in Redis cannot be parsed (position-unreadable): partition 2'],
  });
  expect(printed(ROWS.slice(0, 2), false).notes).toEqual([]);
});

test('the JSON output holds offsets as strings, because they may exceed 2^53', () => {
  const far = {...ROWS[0]!, position: 9007199254740993n, end: 9007199254740994n, lagRecords: 1n};
  const {lines} = printed([far, ROWS[1]!], true);
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    {
      topic: 't',
      groupId: 'group',
      partitions: [
        {
          partition: 0,
          position: '9007199254740993',
          committed: '120',
          logStart: '0',
          logEnd: '9007199254740994',
          lagRecords: '1',
        },
        {partition: 1, position: null, committed: null, logStart: '5', logEnd: '9', lagRecords: '4'},
      ],
    },
  ]);
});

test('without settings the command prints one line that names the missing settings, and exits with code 2', async () => {
  const notes: string[] = [];
  const output = {line: (text: string) => notes.push(text), note: (text: string) => notes.push(text)};
  expect(await main(['node', 'projector', 'offsets', 'show'], {}, output)).toBe(2);
  expect(notes).toEqual([expect.stringMatching(/KAFKA_BROKERS is not set.*REDIS_URL is not set/)]);
});
