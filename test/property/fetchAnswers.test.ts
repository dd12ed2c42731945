/** The worker parses fetch responses without kafkajs. The result must equal the result of kafkajs. */
import kafkajs from 'kafkajs';
import {readAnswer} from '../../src/clients/kafka/wire/fetchAnswer.js';
import type {LogRecord} from '../../src/clients/kafka/eventLog.js';
import '../../src/clients/kafka/admin.js';
import {
  answerBytes,
  batchBytes,
  batchOf,
  readByKafkajs,
  recordsOfKafkajs,
  type BatchPlan,
} from '../support/fetchAnswers.js';
import {fc, propertyTest as test} from '../support/seededChecks.js';

/** The error of any codec. A wrong byte can name a codec, which then fails on the data. */
class CodecFailure extends Error {}
const codecs = kafkajs.CompressionCodecs as Record<
  number,
  () => {decompress(packed: Buffer): Promise<Buffer>}
>;
for (const [type, make] of Object.entries(codecs)) {
  const decompress = async (packed: Buffer): Promise<Buffer> =>
    await make()
      .decompress(packed)
      .catch(() => Promise.reject(new CodecFailure()));
  codecs[Number(type)] = () => ({...make(), decompress});
}

const bytes = fc.option(fc.uint8Array({maxLength: 200}).map((array) => Buffer.from(array)));
const record = fc.record({
  offsetGap: fc.integer({min: 1, max: 200}),
  timestampDelta: fc.oneof(
    fc.constant(0),
    fc.integer({min: -100, max: 100_000}),
    fc.maxSafeInteger().map((ms) => Math.trunc(ms / 4)),
  ),
  key: bytes,
  value: bytes,
  headers: fc.dictionary(fc.string({minLength: 1, maxLength: 5}), fc.string({maxLength: 5}), {maxKeys: 3}),
});
const batch = fc.record({
  gapBefore: fc.constantFrom(0, 1, 70_000),
  firstTimestampMs: fc.constantFrom(0, 1_795_000_000_000),
  isGzip: fc.boolean(),
  offsetsGone: fc.constantFrom(0, 0, 3),
  records: fc.array(record, {minLength: 1, maxLength: 8}),
});

/** The record batches of a topic, from the given offset on. */
function laidOut(
  start: bigint,
  drawn: readonly (typeof batch extends fc.Arbitrary<infer T> ? T : never)[],
): BatchPlan[] {
  let next = start;
  return drawn.map(({gapBefore, records, ...rest}) => {
    const firstOffset = next + BigInt(gapBefore);
    let at = -1;
    // The first record of a batch has the first offset of the batch.
    const placed = records.map(({offsetGap, ...of}, i) => ({
      ...of,
      offsetDelta: (at += i === 0 ? 1 : offsetGap),
    }));
    next = firstOffset + BigInt(at + rest.offsetsGone) + 1n;
    return {...rest, firstOffset, producerId: null, records: placed};
  });
}

const request = (from: bigint): Parameters<typeof readAnswer>[1] => ({
  topics: [{topic: 't', partitions: [{partition: 0, fetchOffset: from.toString()}]}],
});

/** The position of the magic byte in a record batch. */
const MAGIC_AT = 16;
const starts = fc.constantFrom(0n, 41n, 2n ** 31n, 2n ** 62n);

test.prop({
  start: starts,
  drawn: fc.array(batch, {maxLength: 4}),
  skipped: fc.nat({max: 20}),
  cut: fc.nat({max: 80}),
})(
  'the parsed records equal those of kafkajs, wherever the fetch begins and the response ends',
  async ({start, drawn, skipped, cut}) => {
    const from = start + BigInt(skipped);
    const set = Buffer.concat(await Promise.all(laidOut(start, drawn).map(batchBytes)));
    const held = set.subarray(0, Math.max(0, set.length - cut));
    const answer = answerBytes('t', held);
    // If a response ends before the magic byte of its first batch, kafkajs fails. There is no record to read.
    const isReadByKafkajs = held.length === 0 || held.length > MAGIC_AT;
    const theirs = isReadByKafkajs ? recordsOfKafkajs(await readByKafkajs(answer, from)) : [];
    const ours = batchOf((await readAnswer(answer, request(from), () => undefined))!, from);
    const found = (ours.messages as unknown as {records: LogRecord[]}[]).flatMap(({records}) => records);
    expect(found).toEqual(theirs);
  },
);

test.prop({drawn: fc.array(batch, {minLength: 1, maxLength: 3}), at: fc.nat(), byte: fc.nat({max: 255})})(
  'a response with a wrong byte is parsed or rejected, and never read beyond its end',
  async ({drawn, at, byte}) => {
    const set = Buffer.concat(
      await Promise.all(
        laidOut(
          0n,
          drawn.map((one) => ({...one, isGzip: false})),
        ).map(batchBytes),
      ),
    );
    set[at % set.length] = byte;
    const answer = answerBytes('t', set);
    const end = await readAnswer(answer, request(0n), () => undefined).catch((error: unknown) => error);
    if (!(end instanceof Error)) return;
    expect(end instanceof CodecFailure || end instanceof RangeError).toBe(true);
  },
);

/** Where the checksum of a record batch begins. It covers everything after itself, and nothing before. */
const CHECKSUM_AT = 17;

test.prop({drawn: batch, at: fc.nat(), flip: fc.integer({min: 1, max: 255})})(
  'a batch with a changed byte is reported, and none of its records is delivered (S9)',
  async ({drawn, at, flip}) => {
    const [set = Buffer.alloc(0)] = await Promise.all(laidOut(0n, [drawn]).map(batchBytes));
    set[CHECKSUM_AT + (at % (set.length - CHECKSUM_AT))]! ^= flip;
    const offsets: bigint[] = [];
    const read = await readAnswer(answerBytes('t', set), request(0n), (_topic, {offset}) =>
      offsets.push(offset),
    );
    expect(offsets).toEqual([set.readBigInt64BE(0)]);
    expect(read?.responses[0]?.partitions[0]?.messages).toEqual([]);
  },
);
