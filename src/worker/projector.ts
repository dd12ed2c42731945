/**
 * One worker: joins the group, runs a Partition for each assigned partition, commits offsets, drains and stops.
 *
 * A new assignment ends all partitions and starts new ones, even for those that stay. This is safe without waiting:
 * 1. Scripts of an old partition can still be in flight when the new one starts.
 * 2. The new partition reads its position on the same connection.
 * 3. Redis runs the commands of one connection in their order (S6), so the position that it returns includes these scripts.
 */
import {OffsetCommits} from './offsetCommits.js';
import type {ReadModel} from '../apply/readModel.js';
import type {Decoded} from '../domain/change.js';
import {ERROR_POLICY} from '../runtime/errorPolicy.js';
import {asProjectorError, type ProjectorError} from '../runtime/errors.js';
import type {Failpoint} from '../runtime/failpoints.js';
import {requireSamePartitions} from './resume.js';
import type {EventLog, LogBatch, LogRange, LogRecord, Unavailable} from '../clients/kafka/eventLog.js';
import {untilAborted, type Clock} from '../runtime/lifecycle.js';
import type {SchemaChange} from './chunkBuilder.js';
import {OtherTables} from './otherTables.js';
import {ReportMerging} from './reportMerging.js';
import {Stalls} from './stalls.js';
import {Troubles} from './troubles.js';
import {lagBetween, type PartitionView, type RunningView} from './workerView.js';
import {untraced, type TraceChunk} from './chunkTrace.js';
import {NO_OBSERVER, type WorkerObserver} from './observer.js';
import {Partition} from './partition.js';
import type {PartitionSettings} from './partitionDeps.js';
import {noCounts, type WorkerCounts} from './outcomes.js';

export interface ProjectorSettings extends PartitionSettings {
  /** Interval of the offset commits. The position watch runs at least this often. */
  readonly commitIntervalMs: number;
  readonly summaryIntervalMs: number;
  /**
   * False: an error of one partition ends the worker. A rebuild needs that, because its content must be complete. Default: true, the worker
   * holds that partition and continues with the others.
   */
  readonly holdsPartitions?: boolean;
  /** If a stop takes longer, the worker ends without leaving the group. */
  readonly stopTimeoutMs: number;
}

/** The part of a pino logger that the worker uses. */
export interface Logger {
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

export interface ProjectorDeps {
  readonly log: EventLog;
  readonly model: ReadModel;
  readonly decode: (record: LogRecord) => Decoded;
  /** The partition that a key belongs into (S2). */
  readonly partitionOf: (key: Buffer) => number | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly failpoint: Failpoint;
  /** Rejects with a halting error if this Redis must not be used (S7). Called at every look of the position watch. */
  readonly requireSuitable?: () => Promise<void>;
  readonly observer?: WorkerObserver;
  readonly traceChunk?: TraceChunk;
}

const POSITION_WATCH = 'position watch';
/**
 * Longest interval of the position watch. While no record arrives, only the watch detects that Redis is not reachable, or that its
 * data went back.
 */
const WATCH_MS = 2_000;

export class Projector {
  readonly counts: WorkerCounts = noCounts();
  readonly #settings: ProjectorSettings;
  readonly #deps: ProjectorDeps;
  readonly #stop = new AbortController();
  #partitions = new Map<number, Partition>();
  #running = new Set<Promise<void>>();
  /** Partitions that ended with an error of their own, until the next assignment. */
  readonly #held = new Map<number, ProjectorError>();
  #failure: ProjectorError | undefined;
  readonly #offsetCommits: OffsetCommits;
  readonly #troubles: Troubles;
  readonly #otherTables: OtherTables;
  /** Number of assignments that this worker has received. */
  #rebalances = 0;
  #isKafkaUp = false;
  /** Ranges of the topic, as the worker last read them. */
  readonly #ranges = new Map<number, LogRange>();
  readonly #stalls = new Stalls();
  readonly #merging: ReportMerging;

  constructor(settings: ProjectorSettings, deps: ProjectorDeps) {
    this.#settings = settings;
    this.#deps = deps;
    this.#offsetCommits = new OffsetCommits(deps);
    this.#otherTables = new OtherTables(deps.logger);
    this.#troubles = new Troubles(deps.logger, () => deps.clock.nowMs());
    this.#merging = new ReportMerging(deps.model.reports, {
      clock: deps.clock,
      observer: deps.observer ?? NO_OBSERVER,
      failpoint: deps.failpoint,
      reset: (partition, reason) => this.#partitions.get(partition)?.lostReports(reason),
    });
  }

  /** Works until `stop` is called. Rejects with the ProjectorError that halted the worker, after draining. */
  async run(): Promise<void> {
    const {log, logger} = this.#deps;
    const started = log.start({
      assigned: (partitions) => this.#assigned(partitions),
      batch: async (batch, keepAlive) => await this.#batch(batch, keepAlive),
      recheck: (partition, reason) => this.#partitions.get(partition)?.resetToPosition(reason),
      unreadable: (partition, fault) => this.#partitions.get(partition)?.unreadable(fault),
      connection: (state, reason) => {
        this.#isKafkaUp = state === 'up';
        logger[state === 'up' ? 'info' : 'warn']({reason}, `Kafka is ${state}`);
      },
      failed: (error) => this.#fail(error),
    });
    started.catch((error: unknown) => this.#fail(error));
    const {commitIntervalMs} = this.#settings;
    const watchMs = Math.min(commitIntervalMs, WATCH_MS);
    this.#merging.run(this.#stop.signal).catch((error: unknown) => this.#fail(error));
    void this.#every(watchMs, async () => await this.#watch());
    // This loop is separate, because a look at the topic waits while Kafka is not reachable. The watch of Redis must not wait for it.
    void this.#every(watchMs, async () => await this.#lookAtLog());
    void this.#every(commitIntervalMs, async () => await this.#offsetCommits.notify(this.#appliedOffsets()));
    void this.#every(this.#settings.summaryIntervalMs, () => {
      this.#summarize();
      return Promise.resolve();
    });
    // `run` does not await the start or the loops, because they can hang on a server that does not respond.
    await untilAborted(this.#stop.signal);
    await this.#drain();
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Begins a graceful stop (I12); `run` resolves when it is done. It can be called at any time and more than once. */
  stop(): void {
    this.#stop.abort();
  }

  /** The state of the worker, from numbers that it keeps anyway. It sends no request. */
  get view(): RunningView {
    const nowMs = this.#deps.clock.nowMs();
    const troubles = this.#troubles.now;
    const going = troubles.length > 0 || !this.#isKafkaUp ? 'waiting' : 'running';
    return {
      state: this.#failure !== undefined ? 'halted' : this.#isStopping() ? 'draining' : going,
      hasJoined: this.#rebalances > 0,
      isKafkaUp: this.#isKafkaUp,
      partitions: [...this.#partitions.values()].map((partition) => this.#partitionView(partition, nowMs)),
      rebalances: this.#rebalances,
      counts: this.counts,
      otherTables: this.#otherTables.records,
      troubles,
      errors: this.#troubles.errors,
    };
  }

  #partitionView(partition: Partition, nowMs: number): PartitionView {
    const position = partition.appliedNext ?? null;
    const held = this.#held.get(partition.number);
    const {low = null, high = null} = this.#ranges.get(partition.number) ?? {};
    return {
      partition: partition.number,
      position,
      committed: this.#offsetCommits.of(partition.number),
      start: low,
      end: high,
      lagRecords: lagBetween(position, high),
      stuckMs: held === undefined ? partition.stuckMs(nowMs) : 0,
      held: held === undefined ? null : {kind: held.kind, detail: held.detail},
    };
  }

  #assigned(partitions: readonly number[]): void {
    if (this.#isStopping()) return;
    this.#rebalances++;
    for (const partition of this.#partitions.values()) {
      partition.end();
      if (!partitions.includes(partition.number)) this.#troubles.forget(`partition ${partition.number}`);
    }
    this.#held.clear();
    this.#stalls.clear();
    this.#partitions = new Map(partitions.map((number) => [number, this.#newPartition(number)]));
    this.#deps.logger.info({partitions}, 'partitions assigned');
    for (const partition of this.#partitions.values()) {
      const running: Promise<void> = partition
        .run()
        .catch((error: unknown) => this.#partitionFailed(partition, error))
        .finally(() => this.#running.delete(running));
      this.#running.add(running);
    }
  }

  #newPartition(number: number): Partition {
    const {log, model, decode, partitionOf, clock, logger, failpoint, observer, traceChunk} = this.#deps;
    return new Partition(number, this.#settings, {
      log,
      model,
      decode,
      partitionOf,
      clock,
      counts: this.counts,
      dependency: (error) => this.#troubles.notify(`partition ${number}`, error),
      failpoint,
      observer: observer ?? NO_OBSERVER,
      traceChunk: traceChunk ?? untraced,
      otherTables: (records) => this.#otherTables.add(records),
      schemaChanged: (partition, changes) => this.#reportSchemaChanges(partition, changes),
      quarantined: (records) => logger.warn({records}, 'records quarantined: see `projector dlq list`'),
      onReset: (partition, reason) => logger.warn({partition, reason}, 'reset to the stored position'),
    });
  }

  /** Each statement is a rare event of its own, so each is logged. */
  #reportSchemaChanges(partition: number, changes: readonly SchemaChange[]): void {
    for (const {statement, table, offset} of changes) {
      const fields = {table, statement, partition, offset: String(offset)};
      this.#deps.logger.warn(fields, `schema changed: ${statement} of ${table}; an audit was requested`);
    }
  }

  async #batch(batch: LogBatch, keepAlive: () => Promise<void>): Promise<void> {
    await this.#partitions.get(batch.partition)?.deliver(batch, keepAlive);
  }

  /** Checks whether Redis responds, and whether a position moved while no record arrived (Redis was restored or flushed). */
  async #watch(): Promise<void> {
    const {model, requireSuitable} = this.#deps;
    const resting = [...this.#partitions.values()].map((partition) => ({
      partition,
      text: partition.restingPosition,
    }));
    try {
      for (const partition of this.#partitions.values()) partition.audit();
      await requireSuitable?.();
      const stored = await model.positions.read(resting.map(({partition}) => partition.number));
      await this.#merging.watch();
      resting.forEach(({partition, text}, index) => {
        if (text === undefined || partition.restingPosition !== text || stored[index] === text) return;
        partition.resetToPosition('the stored position has changed, although this worker wrote nothing');
      });
      // The pause keeps the reports in order:
      // 1. Redis sends the error of a script and the positions together, so both arrive in the same bytes.
      // 2. The error passes through more promises than the positions, so it would be reported after them.
      // 3. The worker would then log a recovery just before it logs that error.
      await this.#deps.clock.sleep(0, this.#stop.signal);
      this.#troubles.notify(POSITION_WATCH, null);
    } catch (error) {
      const failure = asProjectorError(error);
      if (ERROR_POLICY[failure.kind].next === 'halt') this.#fail(failure);
      else this.#troubles.notify(POSITION_WATCH, failure);
    }
  }

  /** Reads the ranges of the topic, and checks whether the topic still contains the positions. */
  async #lookAtLog(): Promise<void> {
    const offsets = this.#appliedOffsets();
    try {
      const ranges = await this.#deps.log.ranges();
      requireSamePartitions(this.#settings.partitions, ranges.size, this.#settings.topic);
      this.#compareWithLog(offsets, ranges);
    } catch (error) {
      const failure = asProjectorError(error);
      // While Kafka is not reachable, no partition can receive records.
      this.#stalls.clear();
      // Fetches and offset commits meet every other failure too, and they report it.
      if (failure.kind === 'partitions-changed') this.#fail(failure);
    }
  }

  /**
   * Detects a topic that was truncated or recreated and has received no record since, because without records no fetch can show it. Also
   * detects a partition that cannot be read.
   */
  #compareWithLog(
    offsets: ReadonlyMap<number, bigint>,
    ranges: ReadonlyMap<number, LogRange | Unavailable>,
  ): void {
    const nowMs = this.#deps.clock.nowMs();
    for (const [number, range] of ranges) {
      const partition = this.#partitions.get(number);
      if ('reason' in range) {
        partition?.unavailable(range);
        continue;
      }
      const {low, high} = range;
      this.#ranges.set(number, range);
      const offset = offsets.get(number);
      if (offset === undefined || partition === undefined) continue;
      if (offset < low || offset > high) {
        const reason = `the partition starts at offset ${low} and ends at ${high}, but the position is ${offset}`;
        partition.resetToPosition(reason);
      }
      const stalledAt = this.#stalls.look({partition: number, awaited: partition.awaitedOffset, high}, nowMs);
      if (stalledAt !== undefined) this.#deps.log.stalled(number, stalledAt);
    }
  }

  #isStopping(): boolean {
    return this.#stop.signal.aborted;
  }

  #appliedOffsets(): Map<number, bigint> {
    const offsets = new Map<number, bigint>();
    for (const partition of this.#partitions.values()) {
      if (partition.appliedNext !== undefined) offsets.set(partition.number, partition.appliedNext);
    }
    return offsets;
  }

  /** Holds the partition if the error concerns only that partition, so that the others continue. Ends the worker if none is left. */
  #partitionFailed(partition: Partition, error: unknown): void {
    const failure = asProjectorError(error);
    const {number} = partition;
    const {holds = false, advice} = ERROR_POLICY[failure.kind];
    const {holdsPartitions = true} = this.#settings;
    // A new assignment may have replaced the partition meanwhile. The new one finds the error again.
    if (this.#partitions.get(number) !== partition) return;
    if (!holds || !holdsPartitions || this.#held.size + 1 >= this.#partitions.size) {
      this.#fail(failure);
      return;
    }
    this.#held.set(number, failure);
    this.#troubles.forget(`partition ${number}`);
    this.#deps.log.hold(number);
    const {kind, detail} = failure;
    const runbook = `docs/runbook.md#${kind}`;
    this.#deps.logger.error({partition: number, kind, advice, runbook}, `partition held: ${detail}`);
  }

  #fail(error: unknown): void {
    this.#failure ??= asProjectorError(error);
    this.#stop.abort();
  }

  #summarize(): void {
    const {newestSourceMs, ...counts} = this.counts;
    const freshnessMs = newestSourceMs === null ? undefined : this.#deps.clock.nowMs() - newestSourceMs;
    this.#deps.logger.info({...counts, freshnessMs}, 'summary');
  }

  async #every(intervalMs: number, task: () => Promise<void>): Promise<void> {
    while (!this.#isStopping()) {
      await this.#deps.clock.sleep(intervalMs, this.#stop.signal);
      if (!this.#isStopping()) await task();
    }
  }

  /**
   * Finishes the scripts in flight, commits the offsets and leaves the group. If that exceeds the stop timeout, it does not wait for
   * what is left.
   */
  async #drain(): Promise<void> {
    const {log, clock, logger} = this.#deps;
    for (const partition of this.#partitions.values()) partition.end();
    const drained = async (): Promise<boolean> => {
      await Promise.all(this.#running);
      await this.#merging.drain();
      await log.commitOffsets(this.#appliedOffsets()).catch(() => undefined);
      await log.stop();
      return true;
    };
    const inTime = new AbortController();
    const late = clock.sleep(this.#settings.stopTimeoutMs, inTime.signal).then(() => false);
    const isDrained = await Promise.race([drained(), late]);
    inTime.abort();
    if (!isDrained) {
      logger.warn(
        {timeoutMs: this.#settings.stopTimeoutMs},
        'stopped without leaving the group: the stop timeout expired',
      );
    }
    this.#summarize();
  }
}
