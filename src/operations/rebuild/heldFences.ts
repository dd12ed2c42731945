/**
 * Fences that stand for as long as some work takes. They are set again every RENEW_MS, because each one expires (I15).
 *
 * Each time it compares the positions in the fences. If one of them has moved, a fence had expired in between, and a worker has applied
 * something. Then the work must not be used.
 */
import type {Fences} from '../../apply/fences.js';
import {asProjectorError, ProjectorError} from '../../runtime/errors.js';
import type {Clock} from '../../runtime/lifecycle.js';

/** Lifetime of a fence, in ms: if this process dies, the workers wait no longer than this. */
const FENCE_MS = 10_000;
const RENEW_MS = 3_000;

export interface Held {
  /** The position texts in the fences, by partition. */
  readonly positions: readonly string[];
  /** Rejects with `rebuild-lost` unless the fences have stood since the work began. */
  requireHeld(): Promise<void>;
  /** Aborts if the fences were lost. */
  readonly signal: AbortSignal;
}

/** Sets fences, runs `work`, and removes the fences. */
export async function whileFenced<T>(
  fences: Fences,
  {clock, signal}: {readonly clock: Clock; readonly signal: AbortSignal},
  work: (held: Held) => Promise<T>,
): Promise<T> {
  const ended = new AbortController();
  const lost = new AbortController();
  let kept: Promise<void> | undefined;
  try {
    const positions = await fences.set(FENCE_MS);
    const requireHeld = async (): Promise<void> => {
      const now = await fences.set(FENCE_MS);
      if (now.every((text, index) => text === positions[index])) return;
      throw new ProjectorError(
        'rebuild-lost',
        'a fence of this run expired before its work was finished: this process was paused, or Redis did not respond',
      );
    };
    const keep = async (): Promise<void> => {
      for (;;) {
        await clock.sleep(RENEW_MS, ended.signal);
        if (ended.signal.aborted) return;
        // A failed attempt does not prove that the fences are lost. The next one compares the positions again.
        await requireHeld().catch((error: unknown) => {
          if (asProjectorError(error).kind === 'rebuild-lost') lost.abort(error);
        });
      }
    };
    kept = keep();
    return await work({positions, requireHeld, signal: AbortSignal.any([signal, lost.signal])});
  } finally {
    ended.abort();
    await kept;
    await fences.giveUp();
  }
}
