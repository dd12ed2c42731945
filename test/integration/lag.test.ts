/** Compares the lag that `projector lag` prints with that of `kafka-consumer-groups` for the same group. */
import {spawn} from 'node:child_process';
import {javaCommand} from '../../stack/native/kafkaServer.js';
import {readState, type NativeState} from '../../stack/stackState.js';
import {FaultBench} from '../support/faultBench.js';
import {projector} from '../support/projector.js';
import {testStack} from '../support/stack.js';
import {until} from '../support/until.js';

interface Reading {
  readonly position: bigint;
  readonly end: bigint;
  readonly lag: bigint;
}

/** One partition, as `projector lag --json` prints it. */
interface Shown {
  readonly partition: number;
  readonly position: string;
  readonly end: string;
  readonly lagRecords: string;
}

const isNative = testStack().mode === 'native';
if (!isNative)
  process.stderr.write('skipped: lag compared with kafka-consumer-groups, which needs a native stack\n');

const PARTITIONS = 3;
/** The most records in one script. This is the default of the worker. */
const RECORDS_MAX = 2_000;

/** What `projector lag --json` prints, by partition. */
async function shown({topic, group, prefix}: FaultBench): Promise<Map<number, Reading>> {
  const settings = {KAFKA_TOPIC: topic, KAFKA_GROUP_ID: group, REDIS_KEY_PREFIX: prefix};
  const {stdout, stderr} = await projector(['lag', '--json'], settings);
  if (stdout === '') throw new Error(`projector lag: ${stderr}`);
  const {partitions} = JSON.parse(stdout) as {partitions: Shown[]};
  return new Map(
    partitions.map(({partition, position, end, lagRecords}) => [
      partition,
      {position: BigInt(position), end: BigInt(end), lag: BigInt(lagRecords)},
    ]),
  );
}

/** What `kafka-consumer-groups` prints, by partition. It reads the committed offsets. */
async function independent({topic, group}: FaultBench): Promise<Map<number, Reading>> {
  const {kafka} = testStack().env;
  const {program, args} = javaCommand(readState(testStack().name) as NativeState, [
    'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand',
    ...['--bootstrap-server', kafka.brokers.join(','), '--describe', '--group', group],
  ]);
  const child = spawn(program, args, {stdio: ['ignore', 'pipe', 'inherit']});
  let output = '';
  child.stdout.on('data', (bytes: Buffer) => (output += bytes.toString()));
  await new Promise((resolve) => child.once('close', resolve));
  const rows = output.split('\n').flatMap((line) => {
    const [, name, partition, position, end, lag] = line.trim().split(/\s+/);
    if (name !== topic || [position, end, lag].some((text) => !/^\d+$/.test(text ?? ''))) return [];
    return [
      [Number(partition), {position: BigInt(position!), end: BigInt(end!), lag: BigInt(lag!)}] as const,
    ];
  });
  if (rows.length === 0) throw new Error(`kafka-consumer-groups said: ${output}`);
  return new Map(rows);
}

(isNative ? describe : describe.skip)('lag compared with kafka-consumer-groups', () => {
  let bench: FaultBench;
  beforeAll(async () => {
    bench = await FaultBench.open('lag', {partitions: PARTITIONS});
    bench.start();
    await bench.write(300);
    await bench.applied();
  }, 60_000);
  afterAll(async () => {
    await bench.expectStopped();
    await bench.close();
  });

  test('both commands print the same values when the system is quiet', async () => {
    const ours = await shown(bench);
    let theirs: ReadonlyMap<number, Reading> = new Map();
    // The worker commits offsets a moment after it has applied the records.
    await until(
      async () => {
        theirs = await independent(bench);
        return [...theirs.values()].every(({lag}) => lag === 0n);
      },
      () => 'all offsets to be committed',
      60_000,
    );
    expect(theirs).toEqual(ours);
    expect(ours.size).toBe(PARTITIONS);
  });

  test('under load, a committed offset is never above the position and at most one script below it', async () => {
    let furthest = 0n;
    await bench.whileWriting(async () => {
      for (let round = 0; round < 5; round++) {
        const before = await shown(bench);
        const theirs = await independent(bench);
        const after = await shown(bench);
        for (const [partition, row] of theirs) {
          const [first, last] = [before.get(partition)!, after.get(partition)!];
          // End offsets only grow, and the worker commits no offset above the position in Redis.
          expect(row.end).toBeGreaterThanOrEqual(first.end);
          expect(row.end).toBeLessThanOrEqual(last.end);
          expect(row.position).toBeLessThanOrEqual(last.position);
          const unacked = first.position - row.position;
          if (unacked > furthest) furthest = unacked;
        }
      }
    });
    process.stdout.write(`figure: the position is at most ${furthest} records above the committed offset\n`);
    expect(furthest).toBeLessThanOrEqual(RECORDS_MAX);
  }, 180_000);
});
