/**
 * The read model made anew beside the living one, which then takes its place:
 *
 *   lock -> spare database -> [filled from MySQL] -> a worker follows the log -> handover -> the old content is thrown away
 *
 * Each step can be the last one of this process: the next start finds out from marks and positions where to go on (spare.ts).
 */
import {ERROR_POLICY} from '../../runtime/errorPolicy.js';
import {asProjectorError, ProjectorError, type ErrorKind} from '../../runtime/errors.js';
import type {Clock} from '../../runtime/lifecycle.js';
import type {Follower} from './follower.js';
import type {Handover} from './cutover.js';
import type {RebuildLock} from './lock.js';
import type {Reached} from './progress.js';
import {requireNoForeignKeys, type Database, type Mark, type Spare} from './stagingDatabase.js';

export interface ReplacementDeps {
  readonly lock: RebuildLock;
  /** Holds the content that is to be replaced; null when nothing is. */
  readonly live: Database | null;
  readonly spare: Spare;
  readonly prefix: string;
  /** Names this run; without blanks. */
  readonly id: string;
  readonly mark: Mark;
  /** False: what an earlier run has left is thrown away. */
  readonly mayResume: boolean;
  /** Fills an empty spare with a base to start from, and its positions; the mark is `filling` until then. */
  readonly fill: (signal: AbortSignal) => Promise<void>;
  /** Starts the worker on the spare. */
  readonly follow: () => Promise<Follower>;
  /** Null when nothing is replaced. */
  readonly handover: Handover | null;
  readonly clock: Clock;
  readonly tell: (event: ReplacementEvent) => void;
}

export type ReplacementEvent =
  | {readonly kind: 'resumed'}
  | {readonly kind: 'caught-up'; readonly reached: Reached}
  | {readonly kind: 'retried'}
  | {readonly kind: 'switched'; readonly pauseMs: number}
  | {readonly kind: 'removed'; readonly keys: number};

export interface Replaced {
  readonly records: bigint;
  readonly resumed: boolean;
}

/** How often the handover is tried. */
const HANDOVERS_MAX = 30;
const RETRY_MS = 1_000;
const UNRESUMABLE: ReadonlySet<ErrorKind> = new Set([
  'log-replaced',
  'log-start-lost',
  'position-unreadable',
  'read-model-corrupt',
  'layout-changed',
  'partitions-changed',
] as const);

export class Replacement {
  readonly #deps: ReplacementDeps;
  #hasResumed = false;

  constructor(deps: ReplacementDeps) {
    this.#deps = deps;
  }

  /** Rejects with a ProjectorError, or with the reason of `signal`; readers then see what they saw before. */
  async run(signal: AbortSignal): Promise<Replaced> {
    return await this.#deps.lock.during(signal, async (held) => {
      try {
        return await this.#work(held);
      } catch (error) {
        throw this.#explained(error);
      }
    });
  }

  /** What a worker advises on these is no help for what is not a living read model. */
  #explained(error: unknown): unknown {
    if (!(error instanceof ProjectorError)) return error;
    const {kind, detail} = error;
    if (kind === 'quarantine-flood') return new ProjectorError('rebuild-halted', detail, {cause: error});
    if (!this.#hasResumed || !UNRESUMABLE.has(kind)) return error;
    const what = `${kind}: ${detail}; what an earlier run has left cannot be gone on with: --restart throws it away`;
    return new ProjectorError('rebuild-halted', what, {cause: error});
  }

  async #work(signal: AbortSignal): Promise<Replaced> {
    const {live, spare, prefix, handover, follow, tell} = this.#deps;
    if (live !== null) await requireNoForeignKeys(live, prefix);
    const resumed = await this.#prepare(signal);
    this.#hasResumed = resumed;
    if (resumed) tell({kind: 'resumed'});
    signal.throwIfAborted();
    const follower = await follow();
    let reached: Reached;
    try {
      reached = await follower.caughtUp(signal);
      tell({kind: 'caught-up', reached});
      if (handover !== null) {
        // Much may have been written meanwhile.
        if (live !== null) await requireNoForeignKeys(live, prefix);
        await spare.requireNoForeignKeys();
        await this.#handOver(handover, {follower, signal});
      }
    } finally {
      await follower.stop();
    }
    await this.#tidyUp();
    return {records: reached.doneRecords, resumed};
  }

  /** True when there is something to go on with. Half of a base is of no use: the snapshot that it came from is gone. */
  async #prepare(signal: AbortSignal): Promise<boolean> {
    const {spare, mark, mayResume, id, fill} = this.#deps;
    if (mayResume && (await spare.mark()) === mark) return true;
    const filling: Mark = `filling ${id}`;
    await spare.prepare(filling, id);
    await fill(signal);
    await spare.exchange(filling, mark);
    return false;
  }

  async #handOver(
    handover: Handover,
    {follower, signal}: {follower: Follower; signal: AbortSignal},
  ): Promise<void> {
    const {clock, tell} = this.#deps;
    let lastError: unknown;
    for (let tries = 0; tries < HANDOVERS_MAX; tries++) {
      signal.throwIfAborted();
      const beginMs = clock.nowMs();
      try {
        if (await handover.try()) {
          tell({kind: 'switched', pauseMs: clock.nowMs() - beginMs});
          return;
        }
      } catch (error) {
        if (ERROR_POLICY[asProjectorError(error).kind].next !== 'wait') throw error;
        // Unknown is not failed: the next try finds out.
        lastError = error;
        await clock.sleep(RETRY_MS, signal);
        continue;
      }
      lastError = undefined;
      tell({kind: 'retried'});
      await follower.caughtUp(signal);
    }
    if (lastError !== undefined) throw asProjectorError(lastError);
    throw new ProjectorError(
      'rebuild-refused',
      `the log grows faster than it is replayed: ${HANDOVERS_MAX} tries to switch were given up; try again at a quieter time`,
    );
  }

  async #tidyUp(): Promise<void> {
    const {handover, spare, mark, id, tell} = this.#deps;
    if (handover === null) {
      await spare.exchange(mark, '');
      return;
    }
    const discardMark: Mark = `discard ${id}`;
    tell({kind: 'removed', keys: await spare.discard(discardMark, discardMark)});
  }
}
