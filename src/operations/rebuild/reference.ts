/**
 * The read model as the log tells it, made in the spare database to compare with, and thrown away behind that:
 *
 *   lock -> spare database -> a worker follows the log from its start -> the comparison, while it follows -> thrown away
 *
 * The living read model is not touched. Were this process killed, the mark tells the next one that nobody goes on with it (spare.ts).
 */
import type {ErrorKind} from '../../runtime/errors.js';
import {asProjectorError, ProjectorError} from '../../runtime/errors.js';
import type {Follower} from './follower.js';
import type {RebuildLock} from './lock.js';
import type {Reached} from './progress.js';
import type {Mark, Spare} from './stagingDatabase.js';

export interface ReferenceDeps {
  readonly lock: RebuildLock;
  readonly spare: Spare;
  /** Names this run; without blanks. */
  readonly id: string;
  /** What an unfinished rebuild has left may be thrown away. */
  readonly mayDiscard: boolean;
  /** Fills an empty spare with the positions of the log's start. */
  readonly fill: () => Promise<void>;
  /** Starts the worker on the spare. */
  readonly follow: () => Follower;
  readonly tell: (event: ReferenceEvent) => void;
}

export type ReferenceEvent =
  | {readonly kind: 'caught-up'; readonly reached: Reached}
  | {readonly kind: 'removed'; readonly keys: number}
  | {readonly kind: 'left'; readonly reason: string};

/** What a worker stops at, and a living one perhaps did not: records were set aside, or the log was replaced by MySQL's rows. */
const NOT_APPLICABLE: ReadonlySet<ErrorKind> = new Set([
  'quarantine-flood',
  'table-truncated',
  'codec-missing',
] as const);

/** Runs `work` when the spare has caught up with the log, and while its worker goes on. */
export async function withReference<T>(
  deps: ReferenceDeps,
  signal: AbortSignal,
  work: (follower: Follower, signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const {lock, spare, id, mayDiscard, fill, follow, tell} = deps;
  return await lock.during(signal, async (held) => {
    if (!mayDiscard) await spare.requireNothingToGoOnWith();
    const mark: Mark = `verify ${id}`;
    try {
      await spare.prepare(mark, id);
      await fill();
      held.throwIfAborted();
      const follower = follow();
      try {
        tell({kind: 'caught-up', reached: await follower.caughtUp(held)});
        const result = await work(follower, held);
        follower.requireRunning();
        return result;
      } finally {
        await follower.stop();
      }
    } catch (error) {
      throw explained(error);
    } finally {
      await throwAway(deps, mark);
    }
  });
}

/** One try: what is left has a mark that the next rebuild or comparison throws away. */
async function throwAway({spare, id, tell}: ReferenceDeps, mark: Mark): Promise<void> {
  try {
    if ((await spare.mark()) !== mark) return;
    tell({kind: 'removed', keys: await spare.discard(mark, `discard ${id}`)});
  } catch (error) {
    tell({kind: 'left', reason: asProjectorError(error).detail});
  }
}

/** A living read model may be right without a record that stops this one: it was set aside, say. */
function explained(error: unknown): unknown {
  if (!(error instanceof ProjectorError) || !NOT_APPLICABLE.has(error.kind)) return error;
  return new ProjectorError('verify-halted', `the log cannot be replayed: ${error.detail}`, {cause: error});
}
