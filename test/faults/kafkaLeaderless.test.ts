/** A partition has no leader, because the only broker with its replica is down. */
import kafkajs, {type Producer} from 'kafkajs';
import {acceptLeaderless} from '../../src/clients/kafka/wire/leaderless.js';
import type {Change} from '../../src/domain/change.js';
import type {WorkerProcess} from '../../stack/worker.js';
import {FaultBench} from '../support/faultBench.js';
import {kafka, partitionOf} from '../support/kafka.js';
import {KafkaPair} from '../support/kafkaPair.js';
import {recordOf} from '../support/records.js';
import {testStack} from '../support/stack.js';
import {until} from '../support/until.js';
import {readiness} from '../support/workerLog.js';

const {DefaultPartitioner} = kafkajs.Partitioners;

const isNative = testStack().mode === 'native';
if (!isNative)
  process.stderr.write('skipped: partitions without a leader, because the second broker is a native one\n');

const LEADERS = [1, 2, 1];
const LEADERLESS = 1;

let bench: FaultBench;
afterEach(async () => {
  if (isNative) await bench.close();
});

/** Writes changes of orders in the partitions that have a leader, and waits until they are applied. */
async function healthyAreCurrent(producer: Producer): Promise<void> {
  const before = await bench.progress();
  const isHealthy = ({orderId}: Change): boolean => partitionOf(orderId, LEADERS.length) !== LEADERLESS;
  const changes = bench.changes(30).filter(isHealthy);
  await producer.send({topic: bench.topic, messages: changes.map((change) => ({...recordOf(change)}))});
  bench.note(changes);
  await bench.reached(before + BigInt(changes.length));
}

/** Waits until the worker is not ready, with this reason. */
async function names(worker: WorkerProcess, reason: string): Promise<void> {
  await until(
    async () => (await readiness(worker)).text.includes(reason),
    () => `a worker that is not ready, with ${reason}. The end of its output: ${worker.output.slice(-1_500)}`,
  );
}

(isNative ? test : test.skip)(
  'a partition without a leader stops neither a running worker nor one that starts; both name it (F84)',
  async () => {
    await using pair = await KafkaPair.open();
    // Without this change, kafkajs could not write to such a topic either.
    const producer = acceptLeaderless(kafka(pair.brokers)).producer({createPartitioner: DefaultPartitioner});
    await producer.connect();
    bench = await FaultBench.open('faults-leaderless', {
      partitions: LEADERS.length,
      brokers: pair.brokers,
      create: async (topic) => await pair.createTopic(topic, LEADERS),
    });
    await bench.write(60);
    const worker = bench.start();
    await bench.applied();
    const position = (await bench.positions()).get(LEADERLESS);
    const reason = `partition-unavailable: ${bench.topic}[${LEADERLESS}] offset ${position}: `;

    await pair.killSecond();
    await healthyAreCurrent(producer);
    await names(worker, reason);
    await healthyAreCurrent(producer);
    // The controller takes the leader away only when the session of its broker has expired.
    await names(worker, `${reason}the partition has no leader`);
    await healthyAreCurrent(producer);
    expect(await worker.end('SIGTERM')).toEqual({code: 0, signal: null});

    const next = bench.start();
    await names(next, `${reason}the partition has no leader`);
    await healthyAreCurrent(producer);

    await pair.startSecond();
    await until(
      async () => (await readiness(next)).status === 200,
      () => `a worker that is ready. The end of its output: ${next.output.slice(-1_500)}`,
    );
    await bench.write(30);
    await bench.expectExact();
    await producer.disconnect();
  },
  240_000,
);
