/**
 * Reads fetch responses. It returns one kafkajs message for each record batch, with the records of the batch in it (recordBatch.ts).
 *
 * It filters aborted transactions by batch (KIP-98). kafkajs filters by record and starts at most one aborted transaction at each record.
 * If two aborted transactions began before the fetch offset, kafkajs delivers the first record of the second one.
 *
 * kafkajs rejects a whole response because of one partition with an error, and repeats the request for ever. Here such a partition is left
 * out of the response and reported, so that the other partitions continue.
 *
 * Source: https://kafka.apache.org/protocol#The_Messages_Fetch, version 11
 */
import kafkajs from 'kafkajs';
import {CodecMissing} from '../codecs.js';
import type {LogRecord} from '../eventLog.js';
import type {FetchFault} from '../fetchFaults.js';
import {messageOf} from '../../../runtime/errors.js';
import {
  isAbort,
  isIntact,
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

/**
 * Errors of a partition from which kafkajs recovers: it reads the leaders again, or handles the offset. Codes of the Kafka protocol.
 * Every other error concerns only its partition.
 */
const HANDLED_BY_KAFKAJS: ReadonlySet<number> = new Set([
  0, // NONE
  1, // OFFSET_OUT_OF_RANGE
  3, // UNKNOWN_TOPIC_OR_PARTITION
  5, // LEADER_NOT_AVAILABLE
  6, // NOT_LEADER_OR_FOLLOWER
  9, // REPLICA_NOT_AVAILABLE
  29, // TOPIC_AUTHORIZATION_FAILED
  74, // FENCED_LEADER_EPOCH
  76, // UNKNOWN_LEADER_EPOCH
]);

/** Names of the errors that a broker returns for a partition that it cannot read. */
const ERROR_NAMES: Readonly<Record<number, string>> = {
  [-1]: 'UNKNOWN_SERVER_ERROR',
  2: 'CORRUPT_MESSAGE',
  56: 'KAFKA_STORAGE_ERROR',
};

/** Receives the partitions that were left out of a response. */
export type OnFault = (topic: string, fault: FetchFault) => void;

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
 * Reads one fetch response. Undefined if a partition contains messages in the format before record batches. Throws CodecMissing, and a
 * RangeError if the response itself is malformed.
 */
export async function readAnswer(
  answer: Buffer,
  request: FetchRequest,
  onFault: OnFault,
): Promise<FetchAnswer | undefined> {
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
      const read = HANDLED_BY_KAFKAJS.has(head.errorCode)
        ? await readRecordSet(recordSet, BigInt(from), aborted)
        : faulty(
            BigInt(from),
            `the broker returned ${ERROR_NAMES[head.errorCode] ?? `error ${head.errorCode}`}`,
          );
      if (read === undefined) return undefined;
      const {messages, fault} = read;
      // The batches before the faulty one are delivered first. The next fetch begins at the faulty one.
      if (fault !== undefined && messages.length === 0)
        onFault(topicName, {partition: head.partition, ...fault});
      const errorCode = fault === undefined ? head.errorCode : 0;
      partitions.push({...head, errorCode, abortedTransactions: [] as const, messages});
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

interface ReadSet {
  readonly messages: readonly FetchedBatch[];
  /** The batch at which reading stopped. */
  readonly fault: Omit<FetchFault, 'partition'> | undefined;
}

function faulty(offset: bigint, reason: string): ReadSet {
  return {messages: [], fault: {offset, reason}};
}

async function readRecordSet(
  bytes: Buffer,
  from: bigint,
  abortedTransactions: readonly AbortedTransaction[],
): Promise<ReadSet | undefined> {
  const messages: FetchedBatch[] = [];
  const transactions = new Transactions(abortedTransactions);
  let offset = from;
  try {
    for (let at = 0; ;) {
      if (isOfOldForm(bytes, at)) return undefined;
      const header = readBatchHeader(bytes, at);
      if (header === undefined) return {messages, fault: undefined};
      const batch = bytes.subarray(at, at + header.sizeBytes);
      at += header.sizeBytes;
      if (header.firstOffset > offset) offset = header.firstOffset;
      // This comes before the header is used, because a wrong last offset would skip the batch (I6).
      if (!isIntact(batch, 0, header)) throw new RangeError('its checksum is wrong');
      // Kafka returns whole batches. A batch that ends before the requested offset can precede the requested one, and is skipped.
      if (header.lastOffset < from) continue;
      messages.push(...(await readBatch(batch, header, {from, transactions})));
      offset = header.lastOffset + 1n;
    }
  } catch (error) {
    if (error instanceof CodecMissing) throw error;
    return {messages, fault: {offset, reason: `the record batch cannot be read: ${messageOf(error)}`}};
  }
}

async function readBatch(
  batch: Buffer,
  header: BatchHeader,
  {from, transactions}: {readonly from: bigint; readonly transactions: Transactions},
): Promise<FetchedBatch[]> {
  const packed = batch.subarray(BATCH_HEADER_BYTES);
  const isNotDelivered = transactions.reach(header);
  if (header.isControl && isAbort(await unpacked(packed, header), header)) transactions.end(header);
  if (isNotDelivered) return passedOver(header, from);
  const all = readRecords(await unpacked(packed, header), header);
  const records = header.firstOffset < from ? all.filter(({offset}) => offset >= from) : all;
  if (records.length === 0) return passedOver(header, from);
  return [{offset: header.lastOffset.toString(), isControlRecord: false, records}];
}

/** The aborted transactions of one response that are open at the batch that is read. */
class Transactions {
  readonly #toCome: AbortedTransaction[];
  readonly #open = new Set<bigint>();

  constructor(aborted: readonly AbortedTransaction[]) {
    this.#toCome = [...aborted].sort((a, b) => (a.firstOffset < b.firstOffset ? -1 : 1));
  }

  /** Opens the transactions that begin up to this batch. Returns whether the batch must not be delivered. */
  reach({lastOffset, isControl, isTransactional, producerId}: BatchHeader): boolean {
    for (
      let next = this.#toCome[0];
      next !== undefined && next.firstOffset <= lastOffset;
      next = this.#toCome[0]
    ) {
      this.#open.add(next.producerId);
      this.#toCome.shift();
    }
    return isControl || (isTransactional && this.#open.has(producerId));
  }

  end({producerId}: BatchHeader): void {
    this.#open.delete(producerId);
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
