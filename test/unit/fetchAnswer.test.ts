/** Which records of a fetch response are dropped, and how kafkajs learns the offsets that were skipped. */
import {readAnswer} from '../../src/clients/kafka/wire/fetchAnswer.js';
import '../../src/clients/kafka/admin.js';
import {answerBytes, batchBytes, batchOf, markBytes, type Aborted} from '../support/fetchAnswers.js';

const data = async (firstOffset: bigint, count: number, producerId: bigint | null = null): Promise<Buffer> =>
  await batchBytes({
    firstOffset,
    firstTimestampMs: 5,
    isGzip: false,
    producerId,
    offsetsGone: 0,
    records: Array.from({length: count}, (_, offsetDelta) => ({
      offsetDelta,
      timestampDelta: 0,
      key: null,
      value: Buffer.from('v'),
      headers: {},
    })),
  });

/** Where the error code of the only partition is in a response for the topic `t`. */
const ERROR_CODE_AT = 4 + 2 + 4 + 4 + (2 + 1) + 4 + 4;

const unexpected = (_topic: string, {reason}: {reason: string}): never => {
  throw new Error(`unexpected fault: ${reason}`);
};

async function read(parts: readonly Buffer[], from: bigint, aborted: readonly Aborted[] = []) {
  const partitions = [{partition: 0, fetchOffset: from.toString()}];
  const answer = answerBytes('t', Buffer.concat(parts), aborted);
  const read = await readAnswer(answer, {topics: [{topic: 't', partitions}]}, unexpected);
  const batch = batchOf(read!, from);
  const messages = batch.messages as unknown as {records: {offset: bigint}[]}[];
  return {
    offsets: messages.flatMap(({records}) => records.map(({offset}) => offset)),
    first: batch.firstOffset(),
    last: batch.lastOffset(),
    isFiltered: batch.isEmptyDueToFiltering(),
  };
}

test('the fields of a response and of a partition are those that kafkajs expects', async () => {
  const answer = await readAnswer(answerBytes('t', await data(3n, 1)), {topics: []}, unexpected);
  expect(answer).toMatchObject({throttleTime: 0, clientSideThrottleTime: 0, errorCode: 0, sessionId: 7});
  expect(answer?.responses[0]).toMatchObject({topicName: 't'});
  expect(answer?.responses[0]?.partitions[0]).toMatchObject({
    partition: 0,
    errorCode: 0,
    highWatermark: '900',
    lastStableOffset: '800',
    lastStartOffset: '3',
    preferredReadReplica: -1,
    abortedTransactions: [],
  });
});

test('an aborted transaction is dropped, but a committed one that overlaps it is not (I6)', async () => {
  const parts = [
    ...[await data(10n, 2, 1n), await data(12n, 2, 2n), await data(14n, 2)],
    ...[await markBytes(16n, 1n, 'abort'), await data(17n, 1, 1n), await markBytes(18n, 2n, 'commit')],
  ];
  const {offsets, last} = await read(parts, 10n, [{producerId: 1n, firstOffset: 10n}]);
  expect(offsets).toEqual([12n, 13n, 14n, 15n, 17n]);
  expect(last).toBe('18');
});

test('two aborted transactions that began before the fetch offset are both dropped', async () => {
  const parts = [await data(100n, 2, 2n), await data(102n, 2, 1n), await data(104n, 1)];
  const aborted = [
    {producerId: 1n, firstOffset: 5n},
    {producerId: 2n, firstOffset: 6n},
  ];
  expect((await read(parts, 100n, aborted)).offsets).toEqual([104n]);
});

test('a fetch without records to deliver reports the first and the last offset that it skipped', async () => {
  const parts = [await data(10n, 6, 1n), await markBytes(16n, 1n, 'abort')];
  const aborted = [{producerId: 1n, firstOffset: 10n}];
  expect(await read(parts, 10n, aborted)).toEqual({offsets: [], first: '10', last: '16', isFiltered: true});
  expect(await read(parts, 13n, aborted)).toEqual({offsets: [], first: '13', last: '16', isFiltered: true});
  expect(await read(parts, 16n, [])).toEqual({offsets: [], first: '16', last: '16', isFiltered: true});
});

test('messages in the format before record batches are left to kafkajs', async () => {
  const old = await data(0n, 1);
  old.writeInt8(1, 16);
  expect(await readAnswer(answerBytes('t', old), {topics: []}, unexpected)).toBeUndefined();
});

describe('a partition that cannot be read is left out, and the others are delivered', () => {
  interface Fault {
    readonly partition: number;
    readonly offset: bigint;
    readonly reason: string;
  }
  const readFaulty = async (
    sets: Buffer,
    from = 0n,
  ): Promise<{faults: Fault[]; records: number; errorCode: number}> => {
    const faults: Fault[] = [];
    const partitions = [{partition: 0, fetchOffset: from.toString()}];
    const answer = await readAnswer(
      answerBytes('t', sets),
      {topics: [{topic: 't', partitions}]},
      (_topic, fault) => faults.push(fault),
    );
    const {messages, errorCode} = answer!.responses[0]!.partitions[0]!;
    return {faults, records: messages.reduce((sum, {records}) => sum + records.length, 0), errorCode};
  };

  test('with a wrong checksum', async () => {
    const broken = await data(0n, 2);
    broken[broken.length - 1]! ^= 1;
    expect(await readFaulty(broken)).toEqual({
      faults: [{partition: 0, offset: 0n, reason: 'the record batch cannot be read: its checksum is wrong'}],
      records: 0,
      errorCode: 0,
    });
  });

  test('batches before the broken one are delivered first, and the next fetch reports it', async () => {
    const broken = await data(2n, 2);
    broken[broken.length - 1]! ^= 1;
    const set = Buffer.concat([await data(0n, 2), broken]);
    expect(await readFaulty(set)).toEqual({faults: [], records: 2, errorCode: 0});
    expect((await readFaulty(set, 2n)).faults).toMatchObject([{offset: 2n}]);
  });

  test.each([
    [2, 'the broker returned CORRUPT_MESSAGE'],
    [56, 'the broker returned KAFKA_STORAGE_ERROR'],
    [99, 'the broker returned error 99'],
  ])('with the error code %d of the broker', async (code, reason) => {
    const faults: Fault[] = [];
    const answer = answerBytes('t', Buffer.alloc(0));
    answer.writeInt16BE(code, ERROR_CODE_AT);
    const partitions = [{partition: 0, fetchOffset: '7'}];
    const read = await readAnswer(answer, {topics: [{topic: 't', partitions}]}, (_topic, fault) =>
      faults.push(fault),
    );
    expect(faults).toEqual([{partition: 0, offset: 7n, reason}]);
    expect(read?.responses[0]?.partitions[0]).toMatchObject({errorCode: 0, messages: []});
  });

  test('an error from which kafkajs recovers is left to kafkajs', async () => {
    const answer = answerBytes('t', Buffer.alloc(0));
    answer.writeInt16BE(6, ERROR_CODE_AT);
    const read = await readAnswer(answer, {topics: []}, unexpected);
    expect(read?.responses[0]?.partitions[0]).toMatchObject({errorCode: 6});
  });
});

test('a truncated response causes a RangeError', async () => {
  const answer = answerBytes('t', Buffer.alloc(0));
  await expect(readAnswer(answer.subarray(0, 40), {topics: []}, unexpected)).rejects.toThrow(RangeError);
});
