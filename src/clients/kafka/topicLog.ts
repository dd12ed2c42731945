/**
 * The interface `EventLog` on kafkajs, whose version is pinned to 2.2.4. This file works around these defects of its consumer:
 *
 * - If an offset is out of range, kafkajs resets it without an error. `fetchOffset` lets the reader of a batch detect this (I6).
 * - kafkajs has no revocation callback. An assignment is valid from its GROUP_JOIN event, which kafkajs emits before the first fetch.
 *   The handler of that event pauses all partitions, so none delivers a batch before `readFrom`.
 * - The handler of a batch can still run after its assignment has ended. Its next `keepAlive` rejects. Resolving an offset of a
 *   revoked partition throws a TypeError, which kafkajs would treat as fatal.
 * - The restart of kafkajs after a crash races with stop. It is disabled. After a pause this class creates a new client instead.
 * - If the topic is deleted and recreated, kafkajs continues at its offset without an error. So a partition without a fetch response
 *   for too long is doubted, and its last applied record is compared (I10, silence.ts).
 * - kafkajs can stop fetching and sending heartbeats without an error. One known cause is a connection that breaks within a response;
 *   socket.ts fixes it. For other causes, this class replaces a client without a response for longer than any request may take.
 * - A consumer that is stopped while it starts joins the group later, and nobody reads its partitions. consumerLife.ts prevents this.
 * - If a partition has no leader, kafkajs reads no partition of the topic. wire/leaderless.ts changes this.
 * - With `autoCommit`, a seek would commit an offset. So it is disabled, and `commitOffsets` commits offsets for lag tools. `commitOffsets` of the
 *   consumer retries without a limit and could overwrite newer offsets after a rebalance. The commit function of a batch tries once.
 */
import type {Consumer, EachBatchPayload, RetryOptions} from 'kafkajs';
import type {EventLog, EventLogHandlers, LogRange, Unavailable} from './eventLog.js';
import {asProjectorError, messageOf, type ErrorKind} from '../../runtime/errors.js';
import {emptyBatch, logBatch} from './batch.js';
import {createKafka, KafkaTopic, type KafkaLogSink, type KafkaSettings} from './admin.js';
import {ConsumerLife} from './consumerLife.js';
import {crashOf, isPassing, translateKafkaError} from './errors.js';
import {FetchFaults, type FetchFault} from './fetchFaults.js';
import {SharedQuestion} from './sharedQuestion.js';
import {readFetches} from './wire/fetch.js';
import {LogSilence} from './silence.js';
import {Twins} from './twins.js';

export interface KafkaLogSettings extends KafkaSettings {
  readonly topic: string;
  readonly groupId: string;
  /** The client id of this worker in the group. Undefined if it has no successor that would look for it. */
  readonly instanceId?: string | undefined;
  readonly sessionTimeoutMs: number;
  readonly heartbeatIntervalMs: number;
  readonly rebalanceTimeoutMs: number;
  readonly maxWaitMs: number;
  readonly fetchBytesPerPartition: number;
  readonly fetchBytes: number;
}

/** The clock. Tests replace it. */
export interface KafkaLogClock {
  nowMs(): number;
  sleep(ms: number, signal?: AbortSignal): Promise<void>;
}

/** Kinds of errors from which a new client can recover. */
const PASSING: ReadonlySet<ErrorKind> = new Set<ErrorKind>([
  'kafka-unreachable',
  'tls-failed',
  'topic-missing',
]);
const RESTART_PAUSE_MS = 1_000;
/** Pause before a partition that cannot be read is fetched again. */
const FAULT_PAUSE_MS = 1_000;
const WATCH_MS = 1_000;
/** Timeout for a client to end its start and to leave the group. A client that is stuck never does. */
const CLOSE_TIMEOUT_MS = 5_000;
/** Time without a response, in addition to the longest wait of a fetch, after which a partition is doubted (silence.ts). */
const SILENCE_MS = 5_000;

export class KafkaLog implements EventLog {
  readonly #settings: KafkaLogSettings;
  readonly #log: KafkaLogSink;
  readonly #clock: KafkaLogClock;
  readonly #topic: KafkaTopic;
  /** All partitions ask for the ranges at the same time, after each assignment. */
  readonly #ranges: SharedQuestion<ReadonlyMap<number, LogRange | Unavailable>>;
  #handlers: EventLogHandlers | undefined;
  #life: ConsumerLife | undefined;
  /** The commit function of a batch, which tries once. Undefined until a client has received its first batch. */
  #commit: EachBatchPayload['commitOffsetsIfNecessary'] | undefined;
  readonly #silence: LogSilence;
  readonly #faults = new FetchFaults();
  /** Separate, so that a stall does not shorten the time of a fault at the same offset. */
  readonly #stalls = new FetchFaults();
  /** Partitions that `hold` has paused. */
  readonly #held = new Set<number>();
  readonly #twins: Twins | undefined;
  /** Counts GROUP_JOIN events over all clients of this object. */
  #assignment = 0;
  #isUp: boolean | undefined;
  /** The time of the last response of any kind, or of the creation of the client. */
  #answeredMs = 0;
  /** The time of the last fetch response, or of the creation of the client. */
  #fetchedMs = 0;
  /** The last error that the client has logged. */
  #lastError: string | undefined;
  readonly #stop = new AbortController();

  constructor(settings: KafkaLogSettings, log: KafkaLogSink, clock: KafkaLogClock) {
    this.#settings = settings;
    this.#log = log;
    this.#clock = clock;
    this.#silence = new LogSilence(settings.maxWaitMs + SILENCE_MS);
    this.#topic = new KafkaTopic(settings, settings.topic, log);
    const {instanceId, groupId} = settings;
    this.#twins =
      instanceId === undefined ? undefined : new Twins({...settings, clientId: instanceId}, groupId, log);
    this.#ranges = new SharedQuestion(async () => await this.#topic.availableRanges());
  }

  async start(handlers: EventLogHandlers): Promise<void> {
    this.#handlers = handlers;
    void this.#replaceSilentClients();
    await this.#open();
  }

  readFrom(partition: number, offset: bigint): void {
    const {topic} = this.#settings;
    this.#silence.begin(partition);
    this.#held.delete(partition);
    this.#whileInGroup((consumer) => {
      consumer.seek({topic, partition, offset: offset.toString()});
      consumer.resume([{topic, partitions: [partition]}]);
    });
  }

  hold(partition: number): void {
    const {topic} = this.#settings;
    this.#silence.forget(partition);
    this.#held.add(partition);
    this.#whileInGroup((consumer) => consumer.pause([{topic, partitions: [partition]}]));
  }

  async ranges(): Promise<ReadonlyMap<number, LogRange | Unavailable>> {
    return await this.#ranges.ask();
  }

  stalled(partition: number, offset: bigint): void {
    const {maxWaitMs, rebalanceTimeoutMs, requestTimeoutMs} = this.#settings;
    const cause = this.#lastError === undefined ? '' : `; its last error: ${this.#lastError}`;
    const reason = `the Kafka client delivers no records${cause}`;
    const silentMs = this.#clock.nowMs() - this.#fetchedMs;
    // A client that waits for the other members of its group does not fetch. To replace it would prolong that.
    const mayBeJoining =
      silentMs > maxWaitMs + SILENCE_MS && silentMs <= rebalanceTimeoutMs + requestTimeoutMs;
    if (mayBeJoining) this.#handlers?.unreadable(partition, {offset, reason, isFinal: false});
    else this.#onFault({partition, offset, reason}, false);
  }

  async commitOffsets(nextOffsets: ReadonlyMap<number, bigint>): Promise<void> {
    const {topic} = this.#settings;
    const partitions = [...nextOffsets].map(([partition, next]) => ({partition, offset: next.toString()}));
    if (partitions.length === 0) return;
    if (this.#commit !== undefined) await this.#commit({topics: [{topic, partitions}]});
    else await this.#consumer?.commitOffsets(partitions.map((place) => ({topic, ...place})));
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    const life = this.#life;
    this.#life = undefined;
    if (life !== undefined) await this.#close(life);
    await this.#topic.close();
  }

  /** Creates a client, connects it and starts it. Returns when it runs; it joins the group in the background. */
  async #open(): Promise<void> {
    const {topic} = this.#settings;
    let willReturn = false;
    const restartOnFailure = (): Promise<boolean> => {
      willReturn = true;
      return Promise.resolve(false);
    };
    const life = new ConsumerLife((retry) => this.newConsumer({...retry, restartOnFailure}));
    const {consumer} = life;
    this.#life = life;
    this.#commit = undefined;
    this.#answeredMs = this.#clock.nowMs();
    this.#fetchedMs = this.#answeredMs;
    this.#lastError = undefined;
    this.#listen(consumer, (error) => {
      if (this.#isStopping() || this.#consumer !== consumer) return;
      if (willReturn || isPassing(error)) void this.#reopen('the Kafka client stopped');
      else this.#handlers?.failed(crashOf(error, this.#where));
    });
    try {
      await life.start(topic, {
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
      if (PASSING.has(failure.kind)) void this.#reopen('the Kafka client stopped');
      else this.#handlers?.failed(failure);
    }
  }

  /** A method of its own, so that a test can replace the client with one that never responds. */
  protected newConsumer(retry: RetryOptions): Consumer {
    const settings = this.#settings;
    const clientId = settings.instanceId ?? settings.clientId;
    const kafka = createKafka({...settings, clientId}, (entry) => this.#onClientLog(entry), retry);
    readFetches(kafka, (topic, fault) => {
      if (topic === settings.topic) this.#onFault(fault, true);
    });
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
    const before = this.#life;
    this.#life = undefined;
    await this.#clock.sleep(RESTART_PAUSE_MS);
    if (before !== undefined) await this.#close(before, this.#stop.signal);
    if (!this.#isStopping()) await this.#open();
  }

  /** Resolves when the client is closed, after the timeout, or when the signal is aborted. */
  async #close(life: ConsumerLife, ...signals: readonly AbortSignal[]): Promise<void> {
    const closed = new AbortController();
    const closing = life.close().finally(() => closed.abort());
    const signal = AbortSignal.any([closed.signal, ...signals]);
    await Promise.race([closing, this.#clock.sleep(CLOSE_TIMEOUT_MS, signal)]);
  }

  get #consumer(): Consumer | undefined {
    return this.#life?.consumer;
  }

  /** The limit includes the rebalance timeout, because a healthy client can wait that long for the slowest member of its group. */
  async #replaceSilentClients(): Promise<void> {
    const {rebalanceTimeoutMs, requestTimeoutMs} = this.#settings;
    while (!this.#isStopping()) {
      await this.#clock.sleep(WATCH_MS, this.#stop.signal);
      const silenceMs = this.#clock.nowMs() - this.#answeredMs;
      if (this.#consumer === undefined || silenceMs <= rebalanceTimeoutMs + requestTimeoutMs) continue;
      const reason = `no response from Kafka for ${silenceMs} ms`;
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
      this.#held.clear();
      if (partitions.length > 0) consumer.pause([{topic, partitions}]);
      this.#handlers?.assigned(partitions);
      void this.#twins?.look(payload.memberId);
    });
    // FETCH is emitted for failed fetches as well. So a successful heartbeat shows that the connection is up.
    consumer.on(HEARTBEAT, () => this.#setConnection(true, 'the group coordinator responded'));
    consumer.on(REQUEST_TIMEOUT, ({payload}) =>
      this.#setConnection(false, `broker ${payload.broker} did not respond in time`),
    );
    // REQUEST is emitted for every response, before kafkajs delivers its records. So a partition is doubted before its batch arrives.
    consumer.on(REQUEST, ({payload}) => {
      if (this.#consumer !== consumer) return;
      this.#answeredMs = this.#clock.nowMs();
      if (payload.apiName === 'Fetch') this.#heard();
    });
    consumer.on(CRASH, ({payload}) => onCrash(payload.error));
    // A batch with only control records or aborted transactions never reaches `eachBatch`, but it advances the fetch offset.
    consumer.on(END_BATCH_PROCESS, ({payload}) => {
      const first = payload.firstOffset as string | null;
      if (payload.batchSize > 0 || first === null || this.#consumer !== consumer) return;
      const skipped = emptyBatch(payload.partition, BigInt(first), BigInt(payload.lastOffset) + 1n);
      void this.#handlers?.batch(skipped, () => Promise.resolve());
    });
  }

  /**
   * A partition cannot be read. It rests for a pause, because a broker returns such a response at once, and the fetches would use a whole
   * processor core. `canEnd` is false if time can heal the fault, as a quota of the broker does. Then the partition is never held.
   */
  #onFault(fault: FetchFault, canEnd: boolean): void {
    const {partition, offset, reason} = fault;
    const consumer = this.#consumer;
    if (consumer === undefined || this.#isStopping() || this.#held.has(partition)) return;
    const step = (canEnd ? this.#faults : this.#stalls).add(fault, this.#clock.nowMs());
    this.#handlers?.unreadable(partition, {offset, reason, isFinal: canEnd && step === 'final'});
    if (step === 'replace')
      void this.#reopen(`partition ${partition} cannot be read at offset ${offset}: ${reason}`);
    else if (step === 'retry' || !canEnd) void this.#rest(consumer, partition);
  }

  async #rest(consumer: Consumer, partition: number): Promise<void> {
    const partitions = [{topic: this.#settings.topic, partitions: [partition]}];
    const assignment = this.#assignment;
    this.#whileInGroup(() => consumer.pause(partitions));
    await this.#clock.sleep(FAULT_PAUSE_MS, this.#stop.signal);
    if (this.#consumer !== consumer || this.#assignment !== assignment || this.#held.has(partition)) return;
    this.#whileInGroup(() => consumer.resume(partitions));
  }

  /** A fetch response has arrived. */
  #heard(): void {
    this.#fetchedMs = this.#clock.nowMs();
    for (const {partition, silentMs} of this.#silence.heard(this.#fetchedMs)) {
      this.#handlers?.recheck(partition, `no fetch response from Kafka for ${silentMs} ms`);
    }
  }

  async #onBatch(payload: EachBatchPayload): Promise<void> {
    const {batch} = payload;
    const assignment = this.#assignment;
    this.#commit = async (offsets) => await payload.commitOffsetsIfNecessary(offsets);
    if (this.#isStopping() || payload.isStale()) return;
    const last = batch.messages.at(-1);
    if (last === undefined) return;
    for (const faults of [this.#faults, this.#stalls])
      faults.clear(batch.partition, BigInt(last.offset) + 1n);
    // The offset is resolved before the batch is handled. This is safe because positions are in Redis; it only sets the next fetch.
    try {
      payload.resolveOffset(last.offset);
    } catch {
      return; // The partition was revoked meanwhile.
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
      // kafkajs would retry without a limit. An unexpected error of the handler must stop the worker.
      if (error !== lost) this.#handlers?.failed(asProjectorError(error));
      throw error;
    }
  }

  /** Without a client or a group this does nothing, because the next GROUP_JOIN starts every partition again. */
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
    if (entry.level === 'error') this.#lastError = entry.message;
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
