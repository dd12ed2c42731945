/** Waits until Redis has applied nearly all of the topic. A comparison before that would find little but consumer lag. */
import type {LogRange} from '../../../clients/kafka/eventLog.js';
import {positionInFence} from '../../../redis-model/fence.js';
import {parsePosition} from '../../../redis-model/position.js';
import type {StoredPositions} from '../../../redis-model/storedPositions.js';
import {ProjectorError} from '../../../runtime/errors.js';
import type {Clock} from '../../../runtime/lifecycle.js';

export interface CaughtUpDeps {
  readonly ranges: () => Promise<ReadonlyMap<number, LogRange>>;
  readonly positions: StoredPositions;
  readonly clock: Clock;
}

/** Redis applies so many records within about a second. */
const LAG_MAX = 20_000n;
const LOOK_MS = 1_000;
const WAIT_MS = 60_000;

/** Rejects with `verify-behind` after WAIT_MS. */
export async function untilCaughtUp(
  {ranges, positions, clock}: CaughtUpDeps,
  signal: AbortSignal,
): Promise<void> {
  const beganMs = clock.nowMs();
  for (;;) {
    signal.throwIfAborted();
    let lag = 0n;
    const ends = [...(await ranges())];
    const texts = await positions.read(ends.map(([partition]) => partition));
    ends.forEach(([, {high}], index) => {
      const next = parsePosition(positionInFence(texts[index] ?? ''))?.nextOffset ?? 0n;
      if (high > next) lag += high - next;
    });
    if (lag <= LAG_MAX) return;
    if (clock.nowMs() - beganMs >= WAIT_MS)
      throw new ProjectorError('verify-behind', `Redis is ${lag} records behind the topic`);
    await clock.sleep(LOOK_MS, signal);
  }
}
