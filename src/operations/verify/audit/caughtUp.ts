/** Waits until Redis has applied the topic, or nearly all of it. A comparison before that would find little but consumer lag. */
import type {LogRange} from '../../../clients/kafka/eventLog.js';
import {positionInFence} from '../../../redis-model/fence.js';
import {parsePosition} from '../../../redis-model/position.js';
import type {StoredPositions} from '../../../redis-model/storedPositions.js';
import {ProjectorError} from '../../../runtime/errors.js';
import type {Clock} from '../../../runtime/lifecycle.js';
import {counted} from '../../../runtime/counted.js';

export interface CaughtUpDeps {
  readonly ranges: () => Promise<ReadonlyMap<number, LogRange>>;
  readonly positions: StoredPositions;
  readonly clock: Clock;
  /** All records that the topic has at the call. If they are not applied in time, nearly all are sufficient: a partition can be held. */
  readonly isExact: boolean;
}

/** Redis applies so many records within about a second. */
const LAG_MAX = 20_000n;
const LOOK_MS = 1_000;
const WAIT_MS = 60_000;

/** Rejects with `verify-behind` after WAIT_MS. */
export async function untilCaughtUp(deps: CaughtUpDeps, signal: AbortSignal): Promise<void> {
  const {ranges, clock, isExact} = deps;
  const beganMs = clock.nowMs();
  const first = await ranges();
  for (;;) {
    signal.throwIfAborted();
    if (isExact && (await lagTo(first, deps)) === 0n) return;
    const lag = await lagTo(await ranges(), deps);
    const isLate = clock.nowMs() - beganMs >= WAIT_MS;
    if (lag <= LAG_MAX && (!isExact || isLate)) return;
    if (isLate)
      throw new ProjectorError('verify-behind', `Redis is ${counted(lag, 'record')} behind the topic`);
    await clock.sleep(LOOK_MS, signal);
  }
}

/** The number of records before these ends that Redis has not applied. */
async function lagTo(ends: ReadonlyMap<number, LogRange>, {positions}: CaughtUpDeps): Promise<bigint> {
  const partitions = [...ends];
  const texts = await positions.read(partitions.map(([partition]) => partition));
  return partitions.reduce((lag, [, {high}], index) => {
    const next = parsePosition(positionInFence(texts[index] ?? ''))?.nextOffset ?? 0n;
    return high > next ? lag + high - next : lag;
  }, 0n);
}
