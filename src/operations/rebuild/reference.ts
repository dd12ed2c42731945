/**
 * The reference: a read model that a replay of the topic builds in the staging database, for a comparison with Redis.
 *
 * 1. The run takes the lock and marks the staging database.
 * 2. A worker replays the topic from its start.
 * 3. The comparison runs while the worker follows the topic.
 * 4. The run removes the reference.
 *
 * The live read model is not changed. If this process is killed, the mark stays. Because of this mark, the next run removes
 * the content and does not resume it (stagingDatabase.ts).
 */
import type {ErrorKind} from '../../runtime/errors.js';
import {asProjectorError, ProjectorError} from '../../runtime/errors.js';
import type {Follower} from './follower.js';
import type {RebuildLock} from './lock.js';
import type {Reached} from './progress.js';
import type {Mark, StagingDatabase} from './stagingDatabase.js';

export interface ReferenceDeps {
  readonly lock: RebuildLock;
  readonly staging: StagingDatabase;
  /** Names this run. It contains no blanks. */
  readonly id: string;
  /** True: the run may remove what an unfinished rebuild has left. */
  readonly mayDiscard: boolean;
  /** Stores the first offsets of the partitions as positions in the empty staging database. */
  readonly load: () => Promise<void>;
  /** Starts the worker on the staging database. */
  readonly follow: () => Follower;
  readonly notify: (event: ReferenceEvent) => void;
}

export type ReferenceEvent =
  | {readonly kind: 'caught-up'; readonly reached: Reached}
  | {readonly kind: 'removed'; readonly keys: number}
  | {readonly kind: 'left'; readonly reason: string};

/**
 * Errors that halt this worker although the live read model may be correct. For example, the records were quarantined long
 * ago, or the live read model was loaded from MySQL and not from the topic.
 */
const NOT_APPLICABLE: ReadonlySet<ErrorKind> = new Set([
  'quarantine-flood',
  'table-truncated',
  'codec-missing',
] as const);

/**
 * Runs `work` after the staging database has caught up with the topic. The worker continues to follow the topic meanwhile.
 */
export async function withReference<T>(
  deps: ReferenceDeps,
  signal: AbortSignal,
  work: (follower: Follower, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const {lock, staging, id, mayDiscard, load, follow, notify} = deps;
  return await lock.during(signal, async (held) => {
    if (!mayDiscard) await staging.requireNothingToResume();
    const mark: Mark = `verify ${id}`;
    try {
      await staging.prepare(mark, id);
      await load();
      held.throwIfAborted();
      const follower = follow();
      try {
        follower.begin();
        notify({kind: 'caught-up', reached: await follower.caughtUp(held)});
        const result = await work(follower, held);
        follower.requireRunning();
        return result;
      } finally {
        await follower.stop();
      }
    } catch (error) {
      throw explained(error);
    } finally {
      await discardRun(deps, mark);
    }
  });
}

/**
 * Removes the reference, in one attempt. If that fails, the next rebuild or comparison removes it, because its mark remains.
 */
async function discardRun({staging, id, notify}: ReferenceDeps, mark: Mark): Promise<void> {
  try {
    if ((await staging.mark()) !== mark) return;
    notify({kind: 'removed', keys: await staging.discard(mark, `discard ${id}`)});
  } catch (error) {
    notify({kind: 'left', reason: asProjectorError(error).detail});
  }
}

/**
 * Names the error `verify-halted`, because it says nothing about the live read model. That one can be correct without the
 * record that halts this replay, for example because the record is quarantined.
 */
function explained(error: unknown): unknown {
  if (!(error instanceof ProjectorError) || !NOT_APPLICABLE.has(error.kind)) return error;
  return new ProjectorError('verify-halted', `the topic cannot be replayed: ${error.detail}`, {cause: error});
}
