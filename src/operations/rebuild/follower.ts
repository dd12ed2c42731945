/**
 * Runs a worker on the staging database and reports how far it is.
 *
 * The worker is the same as any other (worker/projector.ts). It differs only in its consumer group, in the position from
 * which it starts, and in the database to which it writes.
 */
import {ERROR_POLICY} from '../../runtime/errorPolicy.js';
import {asProjectorError, ProjectorError} from '../../runtime/errors.js';
import type {EventLog, EventLogHandlers, LogRange, Unavailable} from '../../clients/kafka/eventLog.js';
import {positionInFence} from '../../redis-model/fence.js';
import type {Clock} from '../../runtime/lifecycle.js';
import {parsePosition} from '../../redis-model/position.js';
import type {StoredPositions} from '../../redis-model/storedPositions.js';
import type {Reached} from './progress.js';

/** The worker (worker/projector.ts). */
export interface Worker {
  run(): Promise<void>;
  stop(): void;
}

export interface FollowerDeps {
  readonly worker: Worker;
  /** The topic as the worker reads it. */
  readonly log: Pick<UncommittedLog, 'begin'>;
  /** From now on, no resume of the worker folds windows (worker/foldWindow.ts). */
  readonly endWindows: () => void;
  /** The positions in the staging database. */
  readonly positions: StoredPositions;
  /** Reads the first and the next offset of every partition of the topic. */
  readonly ranges: () => Promise<ReadonlyMap<number, LogRange>>;
  readonly clock: Clock;
  /** Called every LOOK_MS while the worker catches up. */
  readonly progress: (reached: Reached) => void;
}

const LOOK_MS = 200;

export class Follower {
  readonly #deps: FollowerDeps;
  readonly #running: Promise<void>;
  #failure: ProjectorError | undefined;
  #hasEnded = false;
  #hasWindows = true;

  /** Starts the worker, which joins its group. */
  constructor(deps: FollowerDeps) {
    this.#deps = deps;
    this.#running = deps.worker
      .run()
      .catch((error: unknown) => (this.#failure = asProjectorError(error)))
      .then(() => {
        this.#hasEnded = true;
      });
  }

  /** Lets the worker apply records. The staging database must hold positions by then. */
  begin(): void {
    this.#deps.log.begin();
  }

  /**
   * Resolves when the worker has applied every record that was in the topic at the previous look, and no window is in flight. Rejects with
   * the error that halted the worker. If `signal` aborts, it rejects with the reason of `signal`.
   */
  async caughtUp(signal: AbortSignal): Promise<Reached> {
    const {clock, progress, ranges, endWindows} = this.#deps;
    let ends: ReadonlyMap<number, LogRange> | undefined;
    for (;;) {
      signal.throwIfAborted();
      this.requireRunning();
      try {
        if (ends !== undefined) {
          const {reached, isPresent} = await this.#look(ends);
          progress(reached);
          if (isPresent && !this.#hasWindows) return reached;
          if (isPresent) {
            this.#hasWindows = false;
            endWindows();
            // A window that is still in flight begins before the ends that are read next.
            ends = undefined;
          }
        }
        ends = await ranges();
      } catch (error) {
        // The worker waits for the same servers and reports the failure itself.
        if (ERROR_POLICY[asProjectorError(error).kind].next !== 'wait') throw error;
      }
      await clock.sleep(LOOK_MS, signal);
    }
  }

  /** Throws the error that halted the worker. Does nothing while the worker runs. */
  requireRunning(): void {
    if (!this.#hasEnded) return;
    throw this.#failure ?? new ProjectorError('internal', 'the worker of this run stopped without an error');
  }

  async stop(): Promise<void> {
    this.#deps.worker.stop();
    await this.#running;
  }

  async #look(ends: ReadonlyMap<number, LogRange>): Promise<{reached: Reached; isPresent: boolean}> {
    const partitions = [...ends.keys()];
    const texts = await this.#deps.positions.read(partitions);
    let doneRecords = 0n;
    let totalRecords = 0n;
    let isPresent = true;
    partitions.forEach((partition, index) => {
      const {low, high} = ends.get(partition) ?? {low: 0n, high: 0n};
      const next = parsePosition(positionInFence(texts[index] ?? ''))?.nextOffset ?? low;
      if (next < high) isPresent = false;
      totalRecords += high - low;
      doneRecords += (next > high ? high : next) - low;
    });
    return {reached: {doneRecords, totalRecords}, isPresent};
  }
}

/**
 * The topic as a rebuild reads it: without offset commits, because the lag of this consumer group has no meaning for lag tools. The worker is
 * assigned partitions only after `begin`. Kafka can take seconds to form a group, so it does that while the base is written.
 */
export class UncommittedLog implements EventLog {
  readonly #log: EventLog;
  #hasBegun = false;
  /** The newest assignment that the worker has not been told. */
  #waiting: (() => void) | undefined;

  constructor(log: EventLog) {
    this.#log = log;
  }

  begin(): void {
    this.#hasBegun = true;
    this.#waiting?.();
    this.#waiting = undefined;
  }

  async start(handlers: EventLogHandlers): Promise<void> {
    await this.#log.start({
      assigned: (partitions) => {
        if (this.#hasBegun) handlers.assigned(partitions);
        else this.#waiting = () => handlers.assigned(partitions);
      },
      batch: async (batch, keepAlive) => await handlers.batch(batch, keepAlive),
      recheck: (partition, reason) => handlers.recheck(partition, reason),
      unreadable: (partition, fault) => handlers.unreadable(partition, fault),
      connection: (state, reason) => handlers.connection(state, reason),
      failed: (error) => handlers.failed(error),
    });
  }

  readFrom(partition: number, offset: bigint): void {
    this.#log.readFrom(partition, offset);
  }

  hold(partition: number): void {
    this.#log.hold(partition);
  }

  async ranges(): Promise<ReadonlyMap<number, LogRange | Unavailable>> {
    return await this.#log.ranges();
  }

  stalled(partition: number, offset: bigint): void {
    this.#log.stalled(partition, offset);
  }

  async commitOffsets(): Promise<void> {
    await Promise.resolve();
  }

  async stop(): Promise<void> {
    await this.#log.stop();
  }
}
