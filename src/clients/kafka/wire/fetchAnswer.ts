/**
 * Answers to a fetch: one message for each record batch, as kafkajs handles messages, with the records of the batch in it
 * (recordBatch.ts).
 *
 * Aborted transactions are left out here (KIP-98), by batch. kafkajs does it by record, and begins with one transaction at each: of two
 * that were begun before the fetch it hands on the first record of the second.
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

/** By their numbers, which are Kafka's. What others register is found here, too. */
const CODECS = kafkajs.CompressionCodecs as Readonly<
  Record<number, (() => {decompress(packed: Buffer): Promise<Buffer>}) | undefined>
>;

/** What kafkajs handles as one message of its own. */
export interface FetchedBatch {
  /** The last one of the batch: with it kafkajs decides where to fetch next. */
  readonly offset: string;
  /** Keeps kafkajs from handing it on: it holds no records for anyone, only offsets that are done with. */
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
 * Undefined when a partition holds messages of the form before record batches. Throws what a codec throws, and a RangeError when the
 * answer is none.
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
  // As kafkajs does it: since KIP-219 it is the client that waits, and 0 says that the broker has not.
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
    // A batch that holds the asked-for record comes whole; one that ends before it may stand before it.
    if (header.lastOffset < from) continue;
    for (
      let next = toCome[0];
      next !== undefined && next.firstOffset <= header.lastOffset;
      next = toCome[0]
    ) {
      aborted.add(next.producerId);
      toCome.shift();
    }
    const isForNobody = header.isControl || (header.isTransactional && aborted.has(header.producerId));
    if (header.isControl && isAbort(await unpacked(packed, header), header))
      aborted.delete(header.producerId);
    if (isForNobody) batches.push(...passedOver(header, from));
    else {
      const all = readRecords(await unpacked(packed, header), header);
      const records = header.firstOffset < from ? all.filter(({offset}) => offset >= from) : all;
      if (records.length === 0) batches.push(...passedOver(header, from));
      else batches.push({offset: header.lastOffset.toString(), isControlRecord: false, records});
    }
  }
}

/** kafkajs tells of such a run by the first and the last offset in it. */
function passedOver({firstOffset, lastOffset}: BatchHeader, from: bigint): FetchedBatch[] {
  const first = firstOffset < from ? from : firstOffset;
  const ends = first === lastOffset ? [lastOffset] : [first, lastOffset];
  return ends.map((offset) => ({offset: offset.toString(), isControlRecord: true, records: []}));
}

async function unpacked(bytes: Buffer, {codec}: BatchHeader): Promise<Buffer> {
  if (codec === 0) return bytes;
  const make = CODECS[codec];
  if (make === undefined)
    throw new RangeError(`a record batch is packed by a codec ${codec}, which there is not`);
  return await make().decompress(bytes);
}

/** Numbers of fixed length, the highest byte first. Throws a RangeError at the end of the answer. */
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

  /** Nothing for a negative length. */
  bytes(length: number): Buffer {
    const from = this.#step(Math.max(length, 0));
    return this.#answer.subarray(from, this.#at);
  }

  #step(length: number): number {
    const from = this.#at;
    this.#at += length;
    if (this.#at > this.#answer.length) throw new RangeError('an answer of Kafka ends too early');
    return from;
  }
}
