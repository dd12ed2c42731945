/**
 * A worker on the database that is being built, and how far it is. It is the same worker as any other (projector.ts), in a group of
 * its own: only where it starts and where it writes is another.
 */
import {ERROR_POLICY} from '../../runtime/errorPolicy.js';
import {asProjectorError, ProjectorError} from '../../runtime/errors.js';
import type {EventLog, EventLogHandlers, LogRange} from '../../clients/kafka/eventLog.js';
import {positionBehind} from '../../redis-model/fence.js';
import type {Clock} from '../../runtime/lifecycle.js';
import {parsePosition} from '../../redis-model/position.js';
import type {StoredPositions} from '../../redis-model/storedPositions.js';
import type {Reached} from './progress.js';

/** The worker (projector.ts). */
export interface Worker {
  run(): Promise<void>;
  stop(): void;
}

export interface FollowerDeps {
  readonly worker: Worker;
  /** Of the database that is being built. */
  readonly positions: StoredPositions;
  /** The range of every partition of the topic. */
  readonly ranges: () => Promise<ReadonlyMap<number, LogRange>>;
  readonly clock: Clock;
  /** Told several times a second. */
  readonly progress: (reached: Reached) => void;
}

const LOOK_MS = 200;

export class Follower {
  readonly #deps: FollowerDeps;
  readonly #running: Promise<void>;
  #failure: ProjectorError | undefined;
  #hasEnded = false;

  /** Starts the worker. */
  constructor(deps: FollowerDeps) {
    this.#deps = deps;
    this.#running = deps.worker
      .run()
      .catch((error: unknown) => (this.#failure = asProjectorError(error)))
      .then(() => {
        this.#hasEnded = true;
      });
  }

  /**
   * Resolves when everything is applied that the log held a moment ago. Rejects with what halted the worker, or when `signal`
   * aborts, with its reason.
   */
  async caughtUp(signal: AbortSignal): Promise<Reached> {
    const {clock, progress, ranges} = this.#deps;
    let ends: ReadonlyMap<number, LogRange> | undefined;
    for (;;) {
      signal.throwIfAborted();
      this.requireRunning();
      try {
        if (ends !== undefined) {
          const {reached, isThere} = await this.#look(ends);
          progress(reached);
          if (isThere) return reached;
        }
        ends = await ranges();
      } catch (error) {
        // The worker waits for them too, and tells.
        if (ERROR_POLICY[asProjectorError(error).kind].next !== 'wait') throw error;
      }
      await clock.sleep(LOOK_MS, signal);
    }
  }

  /** Throws what halted the worker. */
  requireRunning(): void {
    if (!this.#hasEnded) return;
    throw this.#failure ?? new ProjectorError('internal', 'the worker has ended by itself');
  }

  async stop(): Promise<void> {
    this.#deps.worker.stop();
    await this.#running;
  }

  async #look(ends: ReadonlyMap<number, LogRange>): Promise<{reached: Reached; isThere: boolean}> {
    const partitions = [...ends.keys()];
    const texts = await this.#deps.positions.read(partitions);
    let doneRecords = 0n;
    let totalRecords = 0n;
    let isThere = true;
    partitions.forEach((partition, index) => {
      const {low, high} = ends.get(partition) ?? {low: 0n, high: 0n};
      const next = parsePosition(positionBehind(texts[index] ?? ''))?.nextOffset ?? low;
      if (next < high) isThere = false;
      totalRecords += high - low;
      doneRecords += (next > high ? high : next) - low;
    });
    return {reached: {doneRecords, totalRecords}, isThere};
  }
}

/** The log as a rebuild reads it: its progress is nobody's lag, so nothing is acked. */
export class UnackedLog implements EventLog {
  readonly #log: EventLog;

  constructor(log: EventLog) {
    this.#log = log;
  }

  async start(handlers: EventLogHandlers): Promise<void> {
    await this.#log.start(handlers);
  }

  readFrom(partition: number, offset: bigint): void {
    this.#log.readFrom(partition, offset);
  }

  hold(partition: number): void {
    this.#log.hold(partition);
  }

  async ranges(): Promise<ReadonlyMap<number, LogRange>> {
    return await this.#log.ranges();
  }

  async ack(): Promise<void> {
    await Promise.resolve();
  }

  async stop(): Promise<void> {
    await this.#log.stop();
  }
}
