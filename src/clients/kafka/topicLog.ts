/**
 * The log on kafkajs 2.2.4, which is frozen: its traps are worked around here and nowhere else.
 *
 * - It resets silently when an offset is out of range; `fetchOffset` lets the reader of a batch see that (I6).
 * - It has no revocation callback. An assignment counts from its GROUP_JOIN event, which comes before the first fetch;
 *   partitions are paused in that same instant and deliver nothing until `readFrom`.
 * - A handler may outlive its assignment; then it ends at its next `keepAlive`. Resolving an offset of a partition that
 *   was taken away throws a TypeError, which kafkajs would take for fatal.
 * - Its own restart after a crash races with stop. It is switched off; a new client is made instead, after a pause.
 * - It fetches on from an offset although the topic was made anew meanwhile, and Kafka does not tell. So a partition that
 *   was silent for longer than a fetch waits is doubted, and its last record compared.
 * - It can fall silent for ever: it neither fetches nor sends heartbeats, and reports nothing. The cause that was found, a line cut in
 *   the middle of an answer, is mended in kafkaSocket.ts; for others, a client of which nothing was heard for longer than any request
 *   may take is replaced by a new one.
 * - With `autoCommit` a seek would commit; it is off. Acks are commits of our own, for lag tools. The consumer's
 *   `commitOffsets` tries for ever, and could write old offsets over newer ones after a rebalance; a batch's own tries once.
 */
import type {Consumer, EachBatchPayload, RetryOptions} from 'kafkajs';
import type {EventLog, EventLogHandlers, LogRange} from './eventLog.js';
import {asProjectorError, messageOf, type ErrorKind} from '../../runtime/errors.js';
import {emptyBatch, logBatch} from './batch.js';
import {
  crashOf,
  createKafka,
  isPassing,
  KafkaTopic,
  translateKafkaError,
  type KafkaLogSink,
  type KafkaSettings,
} from './admin.js';
import {readFetches} from './wire/fetch.js';
import {LogSilence} from './silence.js';

export interface KafkaLogSettings extends KafkaSettings {
  readonly topic: string;
  readonly groupId: string;
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly maxWaitMs: number;
  readonly fetchBytesPerPartition: number;
  readonly fetchBytes: number;
}

/** Seams for time. */
export interface KafkaLogClock {
  nowMs(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Kinds of errors that a new client may get over. */
const PASSING: ReadonlySet<ErrorKind> = new Set<ErrorKind>([
  'kafka-unreachable',
  'tls-refused',
  'topic-missing',
]);
const RESTART_PAUSE_MS = 1_000;
const WATCH_MS = 1_000;
/** For a client to say goodbye; a stuck one never does. */
const GOODBYE_MS = 5_000;
/** Silence beyond the longest wait of a fetch, in which a topic could be made anew and outgrow the position. */
const SILENCE_MS = 5_000;
/** kafkajs never resets its count of retries, so any finite number ends in a crash some day. */
const RETRY_FOR_EVER = {retries: Number.MAX_SAFE_INTEGER, initialRetryTime: 100, maxRetryTime: 2_000};

export class KafkaLog implements EventLog {
  readonly #settings: KafkaLogSettings;
  readonly #log: KafkaLogSink;
  readonly #clock: KafkaLogClock;
  readonly #topic: KafkaTopic;
  #handlers: EventLogHandlers | undefined;
  #consumer: Consumer | undefined;
  /** Tries once; known from the first batch of a client on. */
  #commit: EachBatchPayload['commitOffsetsIfNecessary'] | undefined;
  readonly #silence: LogSilence;
  /** Counts GROUP_JOIN events over all clients of this object. */
  #assignment = 0;
  #isUp: boolean | undefined;
  /** When any answer came, or a new client was made. */
  #answeredMs = 0;
  readonly #stop = new AbortController();

  constructor(settings: KafkaLogSettings, log: KafkaLogSink, clock: KafkaLogClock) {
    this.#settings = settings;
    this.#log = log;
    this.#clock = clock;
    this.#silence = new LogSilence(settings.maxWaitMs + SILENCE_MS);
    this.#topic = new KafkaTopic(settings, settings.topic, log);
  }

  async start(handlers: EventLogHandlers): Promise<void> {
    this.#handlers = handlers;
    void this.#replaceSilentClients();
    await this.#open();
  }

  readFrom(partition: number, offset: bigint): void {
    const {topic} = this.#settings;
    this.#silence.begin(partition);
    this.#whileInGroup((consumer) => {
      consumer.seek({topic, partition, offset: offset.toString()});
      consumer.resume([{topic, partitions: [partition]}]);
    });
  }

  hold(partition: number): void {
    const {topic} = this.#settings;
    this.#silence.forget(partition);
    this.#whileInGroup((consumer) => consumer.pause([{topic, partitions: [partition]}]));
  }

  async ranges(): Promise<ReadonlyMap<number, LogRange>> {
    return await this.#topic.ranges();
  }

  async ack(nextOffsets: ReadonlyMap<number, bigint>): Promise<void> {
    const {topic} = this.#settings;
    const partitions = [...nextOffsets].map(([partition, next]) => ({partition, offset: next.toString()}));
    if (partitions.length === 0) return;
    if (this.#commit !== undefined) await this.#commit({topics: [{topic, partitions}]});
    else await this.#consumer?.commitOffsets(partitions.map((place) => ({topic, ...place})));
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    const consumer = this.#consumer;
    this.#consumer = undefined;
    await consumer?.disconnect().catch(() => undefined);
    await this.#topic.close();
  }

  /** A new client: connects, joins, fetches. Returns when it runs; joining goes on in the background. */
  async #open(): Promise<void> {
    const {topic} = this.#settings;
    let willReturn = false;
    const retry = {
      ...RETRY_FOR_EVER,
      restartOnFailure: () => {
        willReturn = true;
        return Promise.resolve(false);
      },
    };
    const consumer = this.newConsumer(retry);
    this.#consumer = consumer;
    this.#commit = undefined;
    this.#answeredMs = this.#clock.nowMs();
    this.#listen(consumer, (error) => {
      if (this.#isStopping() || this.#consumer !== consumer) return;
      if (willReturn || isPassing(error)) void this.#reopen('the client gave up');
      else this.#handlers?.failed(crashOf(error, this.#where));
    });
    try {
      await consumer.connect();
      await consumer.subscribe({topic, fromBeginning: true});
      if (this.#isStopping()) return;
      await consumer.run({
        autoCommit: false,
        eachBatchAutoResolve: false,
        partitionsConsumedConcurrently: 64,
        eachBatch: async (payload) => {
          if (this.#consumer === consumer) await this.#onBatch(payload);
        },
      });
    } catch (error) {
      if (this.#isStopping() || this.#consumer !== consumer) return;
      const failure = translateKafkaError(error, this.#where);
      if (PASSING.has(failure.kind)) void this.#reopen('the client gave up');
      else this.#handlers?.failed(failure);
    }
  }

  /** Apart, so that a test can put a client in its place that says nothing. */
  protected newConsumer(retry: RetryOptions): Consumer {
    const settings = this.#settings;
    const kafka = createKafka(settings, (entry) => this.#onClientLog(entry), retry);
    readFetches(kafka);
    return kafka.consumer({
      groupId: settings.groupId,
      retry,
      sessionTimeout: settings.sessionTimeoutMs,
      heartbeatInterval: settings.heartbeatIntervalMs,
      rebalanceTimeout: settings.rebalanceTimeoutMs,
      maxWaitTimeInMs: settings.maxWaitMs,
      maxBytesPerPartition: settings.fetchBytesPerPartition,
      maxBytes: settings.fetchBytes,
      allowAutoTopicCreation: false,
      metadataMaxAge: 30_000,
    });
  }

  async #reopen(reason: string): Promise<void> {
    this.#setConnection(false, reason);
    const before = this.#consumer;
    this.#consumer = undefined;
    await this.#clock.sleep(RESTART_PAUSE_MS);
    const goodbye = before?.disconnect().catch(() => undefined);
    await Promise.race([goodbye, this.#clock.sleep(GOODBYE_MS, this.#stop.signal)]);
    if (!this.#isStopping()) await this.#open();
  }

  /** The longest silence in good order is a rebalance that waits for its slowest member. */
  async #replaceSilentClients(): Promise<void> {
    const {rebalanceTimeoutMs, requestTimeoutMs} = this.#settings;
    while (!this.#isStopping()) {
      await this.#clock.sleep(WATCH_MS, this.#stop.signal);
      const silenceMs = this.#clock.nowMs() - this.#answeredMs;
      if (this.#consumer === undefined || silenceMs <= rebalanceTimeoutMs + requestTimeoutMs) continue;
      const reason = `nothing was heard of Kafka for ${silenceMs} ms`;
      this.#log({level: 'warn', message: reason});
      await this.#reopen(reason);
    }
  }

  #isStopping(): boolean {
    return this.#stop.signal.aborted;
  }

  #listen(consumer: Consumer, onCrash: (error: Error) => void): void {
    const {GROUP_JOIN, CRASH, HEARTBEAT, REQUEST, REQUEST_TIMEOUT, END_BATCH_PROCESS} = consumer.events;
    const {topic} = this.#settings;
    consumer.on(GROUP_JOIN, ({payload}) => {
      if (this.#isStopping() || this.#consumer !== consumer) return;
      this.#assignment++;
      this.#silence.clear();
      this.#setConnection(true, 'joined the group');
      const partitions = payload.memberAssignment[topic] ?? [];
      if (partitions.length > 0) consumer.pause([{topic, partitions}]);
      this.#handlers?.assigned(partitions);
    });
    // FETCH comes for failed fetches too; an answered heartbeat is the sign of life.
    consumer.on(HEARTBEAT, () => this.#setConnection(true, 'the group coordinator answers'));
    consumer.on(REQUEST_TIMEOUT, ({payload}) =>
      this.#setConnection(false, `${payload.broker} does not answer in time`),
    );
    // Comes with every answer, before what it brought is handed on.
    consumer.on(REQUEST, ({payload}) => {
      if (this.#consumer !== consumer) return;
      this.#answeredMs = this.#clock.nowMs();
      if (payload.apiName === 'Fetch') this.#heard();
    });
    consumer.on(CRASH, ({payload}) => onCrash(payload.error));
    // A batch of control records or aborted transactions alone never reaches eachBatch, but moves the fetch offset.
    consumer.on(END_BATCH_PROCESS, ({payload}) => {
      const first = payload.firstOffset as string | null;
      if (payload.batchSize > 0 || first === null || this.#consumer !== consumer) return;
      const skipped = emptyBatch(payload.partition, BigInt(first), BigInt(payload.lastOffset) + 1n);
      void this.#handlers?.batch(skipped, () => Promise.resolve());
    });
  }

  /** An answer to a fetch came. */
  #heard(): void {
    for (const {partition, silentMs} of this.#silence.heard(this.#clock.nowMs())) {
      this.#handlers?.doubted(partition, `nothing was heard of the log for ${silentMs} ms`);
    }
  }

  async #onBatch(payload: EachBatchPayload): Promise<void> {
    const {batch} = payload;
    const assignment = this.#assignment;
    this.#commit = async (offsets) => await payload.commitOffsetsIfNecessary(offsets);
    if (this.#isStopping() || payload.isStale()) return;
    const last = batch.messages.at(-1);
    if (last === undefined) return;
    // Resolved before it is handled: positions live in Redis, so this only tells the client where to fetch next.
    try {
      payload.resolveOffset(last.offset);
    } catch {
      return; // The partition was taken away meanwhile.
    }
    let lost: unknown;
    const keepAlive = async (): Promise<void> => {
      try {
        await payload.heartbeat();
        if (assignment !== this.#assignment) throw new Error('the assignment has changed');
      } catch (error) {
        lost = error;
        throw error;
      }
    };
    try {
      await this.#handlers?.batch(logBatch(batch), keepAlive);
    } catch (error) {
      // The client would try again for ever. What the handler did not expect must end the worker.
      if (error !== lost) this.#handlers?.failed(asProjectorError(error));
      throw error;
    }
  }

  /** Between two clients there is no group, and nothing to steer: joining again starts every partition anew. */
  #whileInGroup(steer: (consumer: Consumer) => void): void {
    if (this.#consumer === undefined) return;
    try {
      steer(this.#consumer);
    } catch (error) {
      if (!messageOf(error).includes('Consumer group was not initialized')) throw error;
    }
  }

  get #where(): string {
    return `${this.#settings.topic} on ${this.#settings.brokers.join(',')}`;
  }

  #onClientLog(entry: {level: 'error' | 'warn' | 'info' | 'debug'; message: string}): void {
    if (entry.level === 'error' && /connection|socket|broker/i.test(entry.message)) {
      this.#setConnection(false, entry.message);
    }
    this.#log(entry);
  }

  #setConnection(isUp: boolean, reason: string): void {
    if (this.#isUp === isUp || this.#isStopping()) return;
    this.#isUp = isUp;
    this.#handlers?.connection(isUp ? 'up' : 'down', reason);
  }
}
