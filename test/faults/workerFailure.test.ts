/**
 * Errors that stop a worker: it logs one clear last line, exits with a code, and applies no chunk in part.
 */
import kafkajs from 'kafkajs';
import {ERROR_POLICY} from '../../src/runtime/errorPolicy.js';
import {FaultBench} from '../support/faultBench.js';
import {kafka} from '../support/kafka.js';
import {until} from '../support/until.js';
import {halted, hasSaid} from '../support/workerLog.js';

let bench: FaultBench;
beforeEach(async () => (bench = await FaultBench.open('faults-failure', {partitions: 2})));
afterEach(async () => await bench.close());

const SMALL_CHUNKS = {
  PROJECTOR_CHUNK_ORDERS_MAX: '3',
  PROJECTOR_CHUNK_RECORDS_MAX: '5',
  KAFKA_FETCH_PARTITION_BYTES: '16384',
};
/** The next worker gets the partitions only when the session of the failed one has expired. */
const SHORT_SESSION = {KAFKA_SESSION_TIMEOUT_MS: '2000', KAFKA_HEARTBEAT_INTERVAL_MS: '300'};

describe.each(['throw', 'uncaught'])('an unexpected error (%s)', (action) => {
  test.each(['after-fetch', 'after-decode', 'before-apply', 'script-in-flight', 'after-apply'])(
    'at %s stops the worker with exit code 1 and no chunk in part, and the next worker resumes (F12)',
    async (place) => {
      const worker = bench.start({
        ...SMALL_CHUNKS,
        ...SHORT_SESSION,
        PROJECTOR_FAILPOINT: `${place}:${action}`,
      });
      await hasSaid(worker, /^partitions assigned/);
      await bench.write(400);
      const {code, line} = await halted(worker);
      expect(code).toBe(1);
      expect(line).toMatchObject({
        level: 60,
        kind: 'internal',
        exitCode: 1,
        msg: 'a failpoint was reached',
        advice: ERROR_POLICY.internal.advice,
        runbook: 'docs/runbook.md#internal',
        stack: expect.stringContaining('a failpoint was reached') as string,
      });
      await bench.expectExactUpToPositions();
      bench.start();
      await bench.expectExact();
    },
  );
});

test('a Kafka client that stops with a permanent error stops the worker, which gives the reason (F11)', async () => {
  // Another program in the same group, with a partition assignor that the worker does not support.
  const stranger = kafka().consumer({
    groupId: bench.group,
    partitionAssigners: [
      () => ({
        name: 'strange',
        version: 1,
        assign: () => Promise.resolve([]),
        protocol: ({topics}) => ({
          name: 'strange',
          metadata: kafkajs.AssignerProtocol.MemberMetadata.encode({
            version: 1,
            topics,
            userData: Buffer.alloc(0),
          }),
        }),
      }),
    ],
  });
  await stranger.connect();
  try {
    let hasJoined = false;
    stranger.on(stranger.events.GROUP_JOIN, () => (hasJoined = true));
    await stranger.subscribe({topic: bench.topic});
    await stranger.run({eachMessage: () => Promise.resolve()});
    await until(
      () => hasJoined,
      () => 'the other program in the group',
    );
    const {code, line} = await halted(bench.start());
    expect(code).toBe(1);
    expect(line).toMatchObject({
      level: 60,
      kind: 'consumer-crashed',
      exitCode: 1,
      msg: expect.stringMatching(
        /^the Kafka client for .* on 127\.0\.0\.1:\d+ stopped: .*protocol/,
      ) as string,
      advice: ERROR_POLICY['consumer-crashed'].advice,
    });
  } finally {
    await stranger.disconnect();
  }
  await bench.write(20);
  bench.start();
  await bench.expectExact();
});

describe('a read model that was built with other settings', () => {
  test.each([
    {variables: {ORDER_EXTRA_COLUMNS: 'status'}, words: 'columns is "status:text", and was ""'},
    {variables: {MONEY_DECIMALS: '3'}, words: 'decimals is "3", and was "2"'},
  ])('halts a worker with $variables, which names both values (F13)', async ({variables, words}) => {
    const filler = bench.start();
    await bench.write(40);
    await bench.applied();
    await filler.end('SIGTERM');
    const {code, line} = await halted(bench.start(variables));
    expect(code).toBe(5);
    expect(line).toMatchObject({
      level: 60,
      kind: 'layout-changed',
      exitCode: 5,
      msg: `the read model in Redis was built with other settings: ${words}`,
      advice: ERROR_POLICY['layout-changed'].advice,
    });
    await bench.expectExactUpToPositions();
    bench.start();
    await bench.write(10);
    await bench.expectExact();
  });
});
