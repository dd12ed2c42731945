/**
 * A rebuild: builds the read model again in the staging database, which then replaces the live database.
 *
 * 1. The rebuild takes the lock and marks the staging database.
 * 2. `sync` runs the initial load from MySQL. `rebuild` stores the first offsets of the topic as positions.
 * 3. A worker follows the topic on the staging database until it has caught up.
 * 4. The cutover swaps the two databases. (In the layout `partitioned`, it moves the new keys to the names of the live ones.)
 * 5. The rebuild removes the old content.
 *
 * This process can die after any step. The next run reads the mark and the positions, and they show where to resume
 * (stagingDatabase.ts).
 */
import {ERROR_POLICY} from '../../runtime/errorPolicy.js';
import {asProjectorError, ProjectorError, type ErrorKind} from '../../runtime/errors.js';
import type {Clock} from '../../runtime/lifecycle.js';
import type {Follower} from './follower.js';
import type {RebuildLock} from './lock.js';
import type {Reached} from './progress.js';
import {requireNoForeignKeys, type Database, type Mark, type Staging} from './stagingDatabase.js';

export interface ReplacementDeps {
  readonly lock: RebuildLock;
  /** The database that is swapped with the staging database; null if there is no swap. */
  readonly live: Database | null;
  readonly staging: Staging;
  readonly prefix: string;
  /** Names this run. It contains no blanks. */
  readonly id: string;
  readonly mark: Mark;
  /** False: the run removes what an earlier run has left. */
  readonly mayResume: boolean;
  /** Writes a base and its positions to the empty staging database. Until it has finished, the mark is `loading`. */
  readonly load: (signal: AbortSignal) => Promise<void>;
  /** Starts the worker on the staging database. It applies nothing before `begin`. */
  readonly follow: () => Follower;
  /** The cutover (cutover.ts, partitionedCutover.ts); null if the rebuild replaces nothing. */
  readonly cutover: {
    /** Resolves with false if it has changed nothing and can be tried again. */
    try(signal: AbortSignal): Promise<boolean>;
  } | null;
  readonly clock: Clock;
  readonly notify: (event: ReplacementEvent) => void;
}

export type ReplacementEvent =
  | {readonly kind: 'resumed'}
  /** An earlier run had ended during its cutover. */
  | {readonly kind: 'restarted'}
  | {readonly kind: 'caught-up'; readonly reached: Reached}
  | {readonly kind: 'retried'}
  | {readonly kind: 'switched'; readonly pauseMs: number}
  | {readonly kind: 'removed'; readonly keys: number};

export interface Replaced {
  readonly records: bigint;
  readonly resumed: boolean;
}

/** Attempts of the cutover (L9). */
const CUTOVERS_MAX = 30;
const RETRY_MS = 1_000;
const UNRESUMABLE: ReadonlySet<ErrorKind> = new Set([
  'topic-replaced',
  'topic-start-lost',
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

  /**
   * Runs all steps. Rejects with a ProjectorError, or with the reason of `signal`. A rejection before the cutover leaves the
   * live data unchanged.
   */
  async run(signal: AbortSignal): Promise<Replaced> {
    return await this.#deps.lock.during(signal, async (held) => {
      try {
        return await this.#work(held);
      } catch (error) {
        throw this.#explained(error);
      }
    });
  }

  /**
   * Replaces the advice of a worker, because that advice is for a live read model. Here the content can be removed and built
   * again.
   */
  #explained(error: unknown): unknown {
    if (!(error instanceof ProjectorError)) return error;
    const {kind, detail} = error;
    if (kind === 'quarantine-flood') return new ProjectorError('rebuild-halted', detail, {cause: error});
    if (!this.#hasResumed || !UNRESUMABLE.has(kind)) return error;
    const what = `${kind}: ${detail}; cannot resume the previous run: use --restart to discard it`;
    return new ProjectorError('rebuild-halted', what, {cause: error});
  }

  async #work(signal: AbortSignal): Promise<Replaced> {
    const {live, staging, prefix, cutover, follow, notify} = this.#deps;
    if (live !== null) await requireNoForeignKeys(live, prefix);
    // The worker joins its group while the base is written.
    const follower = follow();
    let reached: Reached;
    let resumed: boolean;
    try {
      resumed = await this.#prepare(signal);
      this.#hasResumed = resumed;
      if (resumed) notify({kind: 'resumed'});
      signal.throwIfAborted();
      follower.begin();
      reached = await follower.caughtUp(signal);
      notify({kind: 'caught-up', reached});
      if (cutover !== null) {
        // Foreign keys may have been written since the first check, and the swap would move them.
        if (live !== null) await requireNoForeignKeys(live, prefix);
        await staging.requireNoForeignKeys();
        await this.#cutOver(cutover, {follower, signal});
      }
    } finally {
      await follower.stop();
    }
    await this.#tidyUp();
    return {records: reached.doneRecords, resumed};
  }

  /**
   * Resolves with true if the run resumes what an earlier run has left. An unfinished base cannot be resumed, because its
   * snapshot of MySQL no longer exists.
   */
  async #prepare(signal: AbortSignal): Promise<boolean> {
    const {staging, mark, mayResume, id, load} = this.#deps;
    const found = await staging.mark();
    if (mayResume && found === mark) return true;
    if (found.startsWith('adopting ')) this.#deps.notify({kind: 'restarted'});
    const loading: Mark = `loading ${id}`;
    await staging.prepare(loading, id);
    await load(signal);
    await staging.exchange(loading, mark);
    return false;
  }

  async #cutOver(
    cutover: NonNullable<ReplacementDeps['cutover']>,
    {follower, signal}: {follower: Follower; signal: AbortSignal},
  ): Promise<void> {
    const {clock, notify} = this.#deps;
    let lastError: unknown;
    for (let tries = 0; tries < CUTOVERS_MAX; tries++) {
      signal.throwIfAborted();
      const beginMs = clock.nowMs();
      try {
        if (await cutover.try(signal)) {
          notify({kind: 'switched', pauseMs: clock.nowMs() - beginMs});
          return;
        }
      } catch (error) {
        if (ERROR_POLICY[asProjectorError(error).kind].next !== 'wait') throw error;
        // An error does not prove that the swap failed. The next attempt finds out, because the swap reports an earlier
        // success.
        lastError = error;
        await clock.sleep(RETRY_MS, signal);
        continue;
      }
      lastError = undefined;
      notify({kind: 'retried'});
      await follower.caughtUp(signal);
    }
    if (lastError !== undefined) throw asProjectorError(lastError);
    throw new ProjectorError(
      'rebuild-refused',
      `the topic grows faster than the rebuild replays it: ${CUTOVERS_MAX} cutover attempts failed; try again when the traffic is lower`,
    );
  }

  async #tidyUp(): Promise<void> {
    const {cutover, staging, mark, id, notify} = this.#deps;
    if (cutover === null) {
      await staging.exchange(mark, '');
      return;
    }
    const discardMark: Mark = `discard ${id}`;
    notify({kind: 'removed', keys: await staging.discard(discardMark, discardMark)});
  }
}
