/**
 * Reads fetch responses. It returns one kafkajs message for each record batch, with the records of the batch in it (recordBatch.ts).
 *
 * It filters aborted transactions by batch (KIP-98). kafkajs filters by record and starts at most one aborted transaction at each record.
 * If two aborted transactions began before the fetch offset, kafkajs delivers the first record of the second one.
 *
 * Source: https://kafka.apache.org/protocol#The_Messages_Fetch, version 11
 */
import kafkajs from 'kafkajs';
import type {LogRecord} from '../eventLog.js';
import {
  isAbort,
  isOfOldForm,
  readBatchHeader,
  readRecords,
  BATCH_HEADER_BYTES,
  type BatchHeader,
} from './recordBatch.js';

/** Codecs by their numbers in the Kafka protocol. The registry of kafkajs includes codecs that other code registers. */
const CODECS = kafkajs.CompressionCodecs as Readonly<
  Record<number, (() => {decompress(packed: Buffer): Promise<Buffer>}) | undefined>
>;

/** A record batch in the form of one kafkajs message. */
export interface FetchedBatch {
  /** The last offset of the batch, because kafkajs computes the next fetch offset from it. */
  readonly offset: string;
  /** True prevents that kafkajs delivers the message. Such a message has no records and only advances the offset. */
  readonly isControlRecord: boolean;
  readonly records: readonly LogRecord[];
}

interface FetchedPartition {
  readonly partition: number;
  readonly errorCode: number;
  readonly highWatermark: string;
  readonly lastStableOffset: string;
  readonly lastStartOffset: string;
  readonly abortedTransactions: readonly [];
  readonly preferredReadReplica: number;
  readonly messages: readonly FetchedBatch[];
}

interface FetchAnswer {
  readonly throttleTime: number;
  readonly clientSideThrottleTime: number;
  readonly errorCode: number;
  readonly sessionId: number;
  readonly responses: readonly {
    readonly topicName: string;
    readonly partitions: readonly FetchedPartition[];
  }[];
}

export interface FetchRequest {
  readonly topics: readonly {
    readonly topic: string;
    readonly partitions: readonly {readonly partition: number; readonly fetchOffset: string}[];
  }[];
}

/**
 * Reads one fetch response. Undefined if a partition contains messages in the format before record batches. Throws the error of a codec,
 * and a RangeError if the response is malformed.
 */
export async function readAnswer(answer: Buffer, request: FetchRequest): Promise<FetchAnswer | undefined> {
  const reader = new AnswerReader(answer);
  const clientSideThrottleTime = reader.int32();
  const errorCode = reader.int16();
  const sessionId = reader.int32();
  const responses = [];
  for (let topics = reader.int32(); topics > 0; topics--) {
    const topicName = reader.string();
    const asked = request.topics
      .filter(({topic}) => topic === topicName)
      .flatMap((topic) => topic.partitions);
    const partitions = [];
    for (let count = reader.int32(); count > 0; count--) {
      const {aborted, recordSet, ...head} = partitionHead(reader);
      const from = asked.find(({partition}) => partition === head.partition)?.fetchOffset ?? '0';
      const messages = await readRecordSet(recordSet, BigInt(from), aborted);
      if (messages === undefined) return undefined;
      partitions.push({...head, abortedTransactions: [] as const, messages});
    }
    responses.push({topicName, partitions});
  }
  // kafkajs does the same. Since KIP-219 the client waits for the throttle time. 0 means that the broker has not waited.
  return {throttleTime: 0, clientSideThrottleTime, errorCode, sessionId, responses};
}

interface AbortedTransaction {
  readonly producerId: bigint;
  readonly firstOffset: bigint;
}

function partitionHead(reader: AnswerReader): Omit<FetchedPartition, 'messages' | 'abortedTransactions'> & {
  aborted: AbortedTransaction[];
  recordSet: Buffer;
} {
  const partition = reader.int32();
  const errorCode = reader.int16();
  const highWatermark = reader.int64().toString();
  const lastStableOffset = reader.int64().toString();
  const lastStartOffset = reader.int64().toString();
  const aborted: AbortedTransaction[] = [];
  for (let count = reader.int32(); count > 0; count--) {
    aborted.push({producerId: reader.int64(), firstOffset: reader.int64()});
  }
  const preferredReadReplica = reader.int32();
  return {
    partition,
    errorCode,
    highWatermark,
    lastStableOffset,
    lastStartOffset,
    aborted,
    preferredReadReplica,
    recordSet: reader.bytes(reader.int32()),
  };
}

async function readRecordSet(
  bytes: Buffer,
  from: bigint,
  abortedTransactions: readonly AbortedTransaction[],
): Promise<FetchedBatch[] | undefined> {
  const batches: FetchedBatch[] = [];
  const toCome = [...abortedTransactions].sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1));
  const aborted = new Set<bigint>();
  for (let at = 0; ;) {
    if (isOfOldForm(bytes, at)) return undefined;
    const header = readBatchHeader(bytes, at);
    if (header === undefined) return batches;
    const packed = bytes.subarray(at + BATCH_HEADER_BYTES, at + header.sizeBytes);
    at += header.sizeBytes;
    // Kafka returns whole batches. A batch that ends before the requested offset can precede the requested one, and is skipped.
    if (header.lastOffset < from) continue;
    for (
      let next = toCome[0];
      next !== undefined && next.firstOffset <= header.lastOffset;
      next = toCome[0]
    ) {
      aborted.add(next.producerId);
      toCome.shift();
    }
    const isNotDelivered = header.isControl || (header.isTransactional && aborted.has(header.producerId));
    if (header.isControl && isAbort(await unpacked(packed, header), header))
      aborted.delete(header.producerId);
    if (isNotDelivered) batches.push(...passedOver(header, from));
    else {
      const all = readRecords(await unpacked(packed, header), header);
      const records = header.firstOffset < from ? all.filter(({offset}) => offset >= from) : all;
      if (records.length === 0) batches.push(...passedOver(header, from));
      else batches.push({offset: header.lastOffset.toString(), isControlRecord: false, records});
    }
  }
}

/** Marks a batch without records by its first and its last offset, because kafkajs reports the skipped range by these two. */
function passedOver({firstOffset, lastOffset}: BatchHeader, from: bigint): FetchedBatch[] {
  const first = firstOffset < from ? from : firstOffset;
  const ends = first === lastOffset ? [lastOffset] : [first, lastOffset];
  return ends.map((offset) => ({offset: offset.toString(), isControlRecord: true, records: []}));
}

async function unpacked(bytes: Buffer, {codec}: BatchHeader): Promise<Buffer> {
  if (codec === 0) return bytes;
  const make = CODECS[codec];
  if (make === undefined) throw new RangeError(`a record batch has the unknown compression codec ${codec}`);
  return await make().decompress(bytes);
}

/** Reads big-endian numbers of fixed length. Throws a RangeError beyond the end of the response. */
class AnswerReader {
  readonly #answer: Buffer;
  #at = 0;

  constructor(answer: Buffer) {
    this.#answer = answer;
  }

  int16(): number {
    return this.#answer.readInt16BE(this.#step(2));
  }

  int32(): number {
    return this.#answer.readInt32BE(this.#step(4));
  }

  int64(): bigint {
    return this.#answer.readBigInt64BE(this.#step(8));
  }

  string(): string {
    return this.bytes(this.int16()).toString('utf8');
  }

  /** The next `length` bytes. A negative length returns no bytes. */
  bytes(length: number): Buffer {
    const from = this.#step(Math.max(length, 0));
    return this.#answer.subarray(from, this.#at);
  }

  #step(length: number): number {
    const from = this.#at;
    this.#at += length;
    if (this.#at > this.#answer.length) throw new RangeError('a fetch response is truncated');
    return from;
  }
}
