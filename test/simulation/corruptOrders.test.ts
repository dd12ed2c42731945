/** How a worker treats corrupt orders. Nothing is random here: the test chooses every action. */
import {item, order} from '../support/changes.js';
import {recordOf} from '../support/records.js';
import type {Change} from '../../src/domain/change.js';
import {keySpace} from '../../src/redis-model/keys.js';
import {SCRIPTS} from './fakeRedis.js';
import {SimGroup} from './group.js';
import {EMPTY_DUMP, SimServer} from './server.js';
import {SimTime} from './simClock.js';
import {SimWorker} from './simWorker.js';
import {SimTopic} from './topic.js';

const LAYOUT = 'v1 topic=sim.events partitions=1 decimals=2 columns=status:text';
const QUARANTINE = 'projector:quarantine';

const rest = async (): Promise<void> => await new Promise((resolve) => setImmediate(resolve));

/** One worker with one partition, after it has applied all records. */
async function worldOf(changes: readonly Change[]) {
  const topic = new SimTopic(1);
  const group = new SimGroup(topic.partitions);
  const time = new SimTime();
  const server = new SimServer('redis', {
    topic,
    time,
    keys: keySpace('single', ''),
    isPartitioned: false,
    layout: LAYOUT,
    extraColumns: ['status'],
    scripts: SCRIPTS,
    everCorrupted: new Set(['1']),
  });
  const write = (change: Change): void =>
    topic.append({partition: 0, record: recordOf(change), outcome: {kind: 'change', change}});
  const worker = new SimWorker(
    {topic, group, prefix: '', layout: LAYOUT, isPartitioned: false, onOrderDelete: 'cascade'},
    {
      name: 'w1',
      time,
      settings: {
        topic: topic.name,
        partitions: 1,
        quarantineMax: 10,
        quarantineWindow: 1_000,
        chunkOrdersMax: 1,
        chunkRecordsMax: 10,
        queueBytesMax: 10_000,
        commitIntervalMs: 5_000,
        summaryIntervalMs: 60_000,
        stopTimeoutMs: 10_000,
      },
      failpoint: undefined,
      onFailpoint: () => false,
    },
  );
  worker.redis.connect(server);
  worker.run(() => undefined);
  worker.log.pending = [0];
  worker.log.hearAssignment();
  for (const change of changes) write(change);
  /** Runs all possible actions. The worker receives replies of Redis only while `hears` returns true. */
  const run = async (hears: () => boolean = () => true): Promise<void> => {
    for (let step = 0; step < 200; step++) {
      await rest();
      if (worker.redis.wire!.sent.length > 0) worker.redis.wire!.execute();
      else if (worker.redis.wire!.answered.length > 0 && hears()) worker.redis.hear();
      else if (worker.log.calls.length > 0) worker.log.answer({isReachable: true});
      else if (worker.log.deliverable().length > 0) worker.log.deliver(0, {recordsMax: 10});
      else return;
    }
  };
  await run();
  return {topic, server, worker, write, run};
}

const status = (id: string, text: string): Change => order(id, {extra: [text]});

test('the worker forgets a corrupt order when Redis is flushed, and quarantines none of its records (I7)', async () => {
  const {server, worker, write, run, topic} = await worldOf([
    status('1', 'new'),
    item('1/5'),
    status('2', 'new'),
  ]);
  expect(server.position(0)).toBe(3n);
  server.touch('order:1', {type: 'string', text: 'foreign'});
  write(status('1', 'paid'));
  // The script has replied that the order is corrupt. The worker has not received this reply.
  await run(() => server.position(0) < 3n);
  server.restore(EMPTY_DUMP);
  await run();
  for (let sleeps = 0; sleeps < 20 && server.position(0) < topic.end(0); sleeps++) {
    worker.clock.wakeNext();
    await run();
  }
  server.check();
  expect(server.view(QUARANTINE)).toBeUndefined();
  expect(server.view('order:1')).toMatchObject({type: 'hash'});
});

test('the records of a corrupt order are quarantined while Redis keeps its data; other orders are applied (I6)', async () => {
  const {server, worker, write, run} = await worldOf([status('1', 'new')]);
  server.touch('order:1', {type: 'string', text: 'foreign'});
  for (const change of [status('1', 'paid'), item('1/5'), status('2', 'new')]) write(change);
  await run();
  expect(server.position(0)).toBe(4n);
  server.check();
  expect(server.view(QUARANTINE)).toMatchObject({fields: {size: 2}});
  expect(worker.projector.counts).toMatchObject({applied: 2, quarantined: 2});
});
