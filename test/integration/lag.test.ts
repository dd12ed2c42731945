/** The lag that we show, against what Kafka's own `kafka-consumer-groups` says of the same group. */
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

/** As the command prints it. */
interface Shown {
  readonly partition: number;
  readonly position: string;
  readonly end: string;
  readonly lagRecords: string;
}

const isNative = testStack().mode === 'native';
if (!isNative)
  process.stderr.write('skipped: lag against kafka-consumer-groups. It is run from native jars\n');

const PARTITIONS = 3;
/** The worker's default: so many records go into one script. */
const RECORDS_MAX = 2_000;

/** By partition: `projector lag --json`. */
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

/** The same, as Kafka's own program reads it: from committed offsets. */
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

(isNative ? describe : describe.skip)('lag, against kafka-consumer-groups', () => {
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

  test('in quiet both say the same', async () => {
    const ours = await shown(bench);
    let theirs: ReadonlyMap<number, Reading> = new Map();
    // What is applied is acked a moment later.
    await until(
      async () => {
        theirs = await independent(bench);
        return [...theirs.values()].every(({lag}) => lag === 0n);
      },
      () => 'an acked log',
      60_000,
    );
    expect(theirs).toEqual(ours);
    expect(ours.size).toBe(PARTITIONS);
  });

  test('under load theirs lies between two of ours, but for what was not acked yet', async () => {
    let furthest = 0n;
    await bench.whileWriting(async () => {
      for (let round = 0; round < 5; round++) {
        const before = await shown(bench);
        const theirs = await independent(bench);
        const after = await shown(bench);
        for (const [partition, row] of theirs) {
          const [first, last] = [before.get(partition)!, after.get(partition)!];
          // The end of the log only grows, and nothing is acked that Redis does not hold.
          expect(row.end).toBeGreaterThanOrEqual(first.end);
          expect(row.end).toBeLessThanOrEqual(last.end);
          expect(row.position).toBeLessThanOrEqual(last.position);
          const unacked = first.position - row.position;
          if (unacked > furthest) furthest = unacked;
        }
      }
    });
    process.stdout.write(`figure: what was shown is at most ${furthest} records ahead of what was acked\n`);
    expect(furthest).toBeLessThanOrEqual(RECORDS_MAX);
  }, 180_000);
});
