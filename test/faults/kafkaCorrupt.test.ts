/** A record batch on the broker's disk is corrupt. */
import {closeSync, openSync, readSync, statSync, writeSync} from 'node:fs';
import {join} from 'node:path';
import kafkajs from 'kafkajs';
import {stackFolder} from '../../stack/folders.js';
import {FaultBench} from '../support/faultBench.js';
import {endOffsets} from '../support/kafka.js';
import {testStack} from '../support/stack.js';
import {until} from '../support/until.js';
import {hasSaid, readiness, said} from '../support/workerLog.js';

const {mode, name: stackName} = testStack();
const isNative = mode === 'native';
if (!isNative)
  process.stderr.write(
    'skipped: corrupt record batches, because the test changes files of a native broker\n',
  );

const PARTITIONS = 3;
const CORRUPT = 1;

let bench: FaultBench;
afterEach(async () => await bench.close());

/** Changes one byte in the last record batch of the partition. Returns a function that restores it. */
function corrupt(): () => void {
  const folder = join(stackFolder(stackName), 'data', 'kafka', `${bench.topic}-${CORRUPT}`);
  const segment = join(folder, '00000000000000000000.log');
  const at = statSync(segment).size - 20;
  // The broker appends to the file meanwhile, so only one byte is written.
  const flip = (): void => {
    const file = openSync(segment, 'r+');
    const byte = Buffer.alloc(1);
    readSync(file, byte, 0, 1, at);
    writeSync(file, Buffer.from([byte.readUInt8(0) ^ 1]), 0, 1, at);
    closeSync(file);
  };
  flip();
  return flip;
}

async function healthyAreCurrent(): Promise<void> {
  const ends = await endOffsets(bench.topic);
  await until(
    async () => {
      const reached = await bench.positions();
      return [...ends].every(([partition, end]) => partition === CORRUPT || end === reached.get(partition));
    },
    () => 'the healthy partitions at the end of the topic',
    60_000,
  );
}

(isNative ? test : test.skip).each([
  ['uncompressed', kafkajs.CompressionTypes.None],
  ['gzip', kafkajs.CompressionTypes.GZIP],
])(
  'a corrupt record batch (%s) stops only its partition: the others continue, the worker is not ready and names the offset (F81)',
  async (_, compression) => {
    bench = await FaultBench.open('faults-corrupt', {partitions: PARTITIONS, compression});
    for (let i = 0; i < 5; i++) await bench.write(30);
    const restore = corrupt();
    const worker = bench.start();
    await healthyAreCurrent();
    const reason = new RegExp(
      `topic-unreadable: ${bench.topic}\\[${CORRUPT}\\] offset \\d+: .*checksum is wrong`,
    );
    await until(
      async () => {
        const {status, text} = await readiness(worker);
        return status === 503 && reason.test(text);
      },
      () =>
        `a worker that is not ready, with the offset as reason. The end of its output: ${worker.output.slice(-1_500)}`,
    );
    await hasSaid(worker, /^partition held: /);
    expect(said(worker, /^waiting: .*checksum is wrong/)).toBeGreaterThan(0);
    await bench.write(30);
    await healthyAreCurrent();
    expect(await readiness(worker)).toMatchObject({
      status: 503,
      text: expect.stringContaining(`partition ${CORRUPT} is held: topic-unreadable`) as string,
    });
    restore();
    expect(await worker.end('SIGTERM')).toEqual({code: 0, signal: null});
    bench.start();
    await bench.expectExact();
  },
  180_000,
);
