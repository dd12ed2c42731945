/**
 * The check of idle positions runs alongside scripts that fail. Two replies that arrive together are reported
 * in the order in which they arrived.
 */
import {ReadModel, type ScriptHost} from '../../src/apply/readModel.js';
import {decodeRecord} from '../../src/decode/decode.js';
import {ProjectorError} from '../../src/runtime/errors.js';
import {noFailpoint} from '../../src/runtime/failpoints.js';
import {systemClock} from '../../src/runtime/lifecycle.js';
import {Projector} from '../../src/worker/projector.js';
import {order} from '../support/changes.js';
import {MemoryLog, MemoryTopic} from '../support/memoryLog.js';
import {recordOf, SHOP} from '../support/records.js';
import {until} from '../support/until.js';

const away = (): ProjectorError => new ProjectorError('redis-unreachable', 'away');

/** A Redis that holds one position. It delays its replies while `reads` is `held`. */
class HeldRedis implements ScriptHost {
  reads: 'answered' | 'refused' | 'held' = 'answered';
  answerRead: (() => void) | undefined;
  failScript: (() => void) | undefined;
  #position: string | null = null;

  async getAll(keys: readonly string[]): Promise<(string | null)[]> {
    if (this.reads === 'refused') throw away();
    const texts = keys.map(() => this.#position);
    if (this.reads === 'answered') return await Promise.resolve(texts);
    return await new Promise((resolve) => (this.answerRead = () => resolve(texts)));
  }

  /** The first script fails when the test calls `failScript`. Later scripts are applied. */
  async run(_: unknown, __: string, [, next = '']: readonly string[]): Promise<unknown> {
    if (this.failScript === undefined) {
      return await new Promise((___, reject) => (this.failScript = () => reject(away())));
    }
    this.#position = next;
    return await Promise.resolve(['applied', 1]);
  }

  async hashFields(): Promise<string[]> {
    return await Promise.resolve([]);
  }
}

test('a failed script and a successful check of the position that follows it are one trouble, not two (F36)', async () => {
  const redis = new HeldRedis();
  const topic = new MemoryTopic(1);
  const log = new MemoryLog(topic, 20);
  const messages: string[] = [];
  const notify = (_: object, message: string): void => void messages.push(message);
  const said = (text: string): number => messages.filter((message) => message.startsWith(text)).length;
  const projector = new Projector(
    {
      topic: 't',
      partitions: 1,
      chunkOrdersMax: 10,
      chunkRecordsMax: 10,
      queueBytesMax: 1_000_000,
      quarantineMax: 10,
      quarantineWindow: 1_000,
      commitIntervalMs: 5,
      summaryIntervalMs: 60_000,
      stopTimeoutMs: 5_000,
    },
    {
      log,
      model: new ReadModel(redis, 't', {prefix: '', layout: 'l', extraColumns: []}),
      decode: (record) => decodeRecord(record, SHOP),
      partitionOf: () => undefined,
      clock: systemClock,
      logger: {info: notify, warn: notify, error: notify},
      failpoint: noFailpoint,
    },
  );
  const ended = projector.run();
  log.assign([0]);
  await until(
    () => said('partitions assigned') === 1,
    () => 'the log line of an assignment',
  );
  topic.append(0, recordOf(order('5')));
  await until(
    () => redis.failScript !== undefined,
    () => 'a script sent to Redis',
  );
  redis.reads = 'refused';
  await until(
    () => said('waiting') === 1,
    () => 'a check of the position that failed',
  );
  redis.reads = 'held';
  await until(
    () => redis.answerRead !== undefined,
    () => 'a check of the position',
  );

  redis.failScript?.();
  redis.answerRead?.();
  redis.reads = 'answered';
  await until(
    () => projector.counts.applied === 1 && said('recovered') > 0,
    () => messages.join('\n'),
  );
  projector.stop();
  await ended;
  expect(messages.filter((message) => /^(?:waiting|recovered)/.test(message))).toEqual([
    'waiting: away',
    expect.stringMatching(/^recovered: redis-unreachable after /),
  ]);
});
