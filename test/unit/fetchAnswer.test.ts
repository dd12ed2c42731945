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

async function read(parts: readonly Buffer[], from: bigint, aborted: readonly Aborted[] = []) {
  const partitions = [{partition: 0, fetchOffset: from.toString()}];
  const answer = answerBytes('t', Buffer.concat(parts), aborted);
  const read = await readAnswer(answer, {topics: [{topic: 't', partitions}]});
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
  const answer = await readAnswer(answerBytes('t', await data(3n, 1)), {topics: []});
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
  expect(await readAnswer(answerBytes('t', old), {topics: []})).toBeUndefined();
});

test('an unknown compression codec causes an error with its number', async () => {
  const strange = await data(0n, 1);
  strange.writeInt16BE(7, 21);
  await expect(readAnswer(answerBytes('t', strange), {topics: []})).rejects.toThrow(
    'unknown compression codec 7',
  );
});

test('a truncated response causes a RangeError', async () => {
  const answer = answerBytes('t', Buffer.alloc(0));
  await expect(readAnswer(answer.subarray(0, 40), {topics: []})).rejects.toThrow(RangeError);
});
