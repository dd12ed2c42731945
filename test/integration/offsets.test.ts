/**
 * `projector offsets show` on a real Kafka and Redis. The position comes from Redis. The committed offset and
 * the ends of the topic come from Kafka.
 */
import {main} from '../../src/cli/program.js';
import {createTopic, produce, withAdmin} from '../support/kafka.js';
import {RedisBench} from '../support/redisBench.js';
import {variables} from '../support/stack.js';

const TOPIC = `offsets-${Date.now().toString(36)}`;
const GROUP = `${TOPIC}-group`;
const PREFIX = 'offsets:';

interface Printed {
  readonly exitCode: number;
  readonly lines: string[];
  readonly notes: string[];
}

let bench: RedisBench;
beforeAll(async () => {
  bench = await RedisBench.open(4, {prefix: PREFIX});
  await createTopic(TOPIC, {partitions: 3});
  const records = [7, 4, 0].flatMap((count, partition) =>
    Array.from({length: count}, (_, i) => ({key: String(i), value: 'any', partition})),
  );
  await produce(TOPIC, records);
  await withAdmin(async (admin) => {
    await admin.setOffsets({groupId: GROUP, topic: TOPIC, partitions: [{partition: 0, offset: '3'}]});
    // This call does not load the metadata of the topic. It comes after setOffsets, which does.
    await admin.deleteTopicRecords({topic: TOPIC, partitions: [{partition: 1, offset: '2'}]});
  });
});
afterAll(async () => await bench.close());

async function show(args: readonly string[] = [], extra: Record<string, string> = {}): Promise<Printed> {
  const [lines, notes]: [string[], string[]] = [[], []];
  const output = {line: (text: string) => lines.push(text), note: (text: string) => notes.push(text)};
  const own = {KAFKA_TOPIC: TOPIC, KAFKA_GROUP_ID: GROUP, REDIS_KEY_PREFIX: PREFIX, REDIS_URL: bench.url};
  const argv = ['node', 'projector', 'offsets', 'show', ...args];
  return {exitCode: await main(argv, {...variables(), ...own, ...extra}, output), lines, notes};
}

async function setPosition(partition: number, text: string): Promise<void> {
  await bench.redis.set(`${PREFIX}projector:position:${TOPIC}:${partition}`, text);
}

test('offsets show prints the position, the committed offset, both ends and the lag of each partition', async () => {
  await setPosition(0, 'v1 5');
  const before = await bench.snapshot();
  const {exitCode, lines, notes} = await show(['--json']);
  expect([exitCode, notes]).toEqual([0, []]);
  expect(lines.map((line) => JSON.parse(line) as unknown)).toEqual([
    {
      topic: TOPIC,
      groupId: GROUP,
      partitions: [
        {partition: 0, position: '5', committed: '3', logStart: '0', logEnd: '7', lagRecords: '2'},
        {partition: 1, position: null, committed: null, logStart: '2', logEnd: '4', lagRecords: '2'},
        {partition: 2, position: null, committed: null, logStart: '0', logEnd: '0', lagRecords: '0'},
      ],
    },
  ]);
  expect((await show()).lines).toEqual([
    'partition  position  committed  topic start  topic end  lag',
    '        0         5          3            0          7    2',
    '        1  none      none                 2          4    2',
    '        2  none      none                 0          0    0',
  ]);
  expect(await bench.snapshot()).toEqual(before);
});

test('an unreadable position is printed as unreadable, and a note names the partition', async () => {
  await setPosition(0, 'v1 5');
  await setPosition(2, 'foreign');
  const {exitCode, lines, notes} = await show();
  expect([exitCode, lines[3]]).toEqual([0, expect.stringMatching(/^ +2 {2}unreadable {2}none/)]);
  expect(notes).toEqual([expect.stringContaining('partition 2')]);
});

test('an unknown consumer group has no committed offsets', async () => {
  const {lines} = await show(['--json'], {KAFKA_GROUP_ID: `${GROUP}-other`});
  const {partitions} = JSON.parse(lines[0]!) as {partitions: {committed: string | null}[]};
  expect(partitions.map(({committed}) => committed)).toEqual([null, null, null]);
});

test('a missing topic or an unreachable Kafka is reported in one line, with exit code 4', async () => {
  const missing = await show([], {KAFKA_TOPIC: `${TOPIC}-other`});
  expect([missing.exitCode, missing.lines]).toEqual([4, []]);
  expect(missing.notes).toEqual([
    expect.stringMatching(/^projector: topic-missing: topic .+ on .+ does not exist\./),
  ]);
  const away = await show([], {KAFKA_BROKERS: '127.0.0.1:1'});
  expect([away.exitCode, away.lines]).toEqual([4, []]);
  expect(away.notes).toEqual([expect.stringMatching(/^projector: kafka-unreachable: /)]);
});
