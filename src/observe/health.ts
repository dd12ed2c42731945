/**
 * The answers to the probes: ready, alive, started.
 *
 * A worker that waits for a server is alive but not ready. A restart of the worker would not repair the server.
 *
 * Pure: no clock, no I/O.
 */
import type {WorkerView} from '../worker/workerView.js';

export interface Health {
  readonly isWell: boolean;
  /** Each reason is one sentence. The list is empty if `isWell` is true. */
  readonly reasons: readonly string[];
}

/** A worker is ready if it can apply new records of all its partitions. Consumer lag does not count, because a worker that catches up is healthy. */
export function readiness({state, troubles, partitions, isKafkaUp, hasJoined}: WorkerView): Health {
  const reasons = troubles.map(({kind, detail}) => `${kind}: ${detail}`);
  for (const {partition, held} of partitions)
    if (held !== null) reasons.push(`partition ${partition} is held: ${held.kind}: ${held.detail}`);
  if (state === 'draining' || state === 'halted') reasons.push(`the worker is ${state}`);
  if (!hasJoined) reasons.push('the worker has not joined its consumer group');
  else if (!isKafkaUp) reasons.push('Kafka does not respond');
  return {isWell: reasons.length === 0, reasons};
}

/** A worker is alive if no partition with records to apply has been stuck for `stuckMsMax`. Failures of servers never count. */
export function liveness({partitions}: WorkerView, stuckMsMax: number): Health {
  const reasons = partitions
    .filter(({stuckMs}) => stuckMs >= stuckMsMax)
    .map(
      ({partition, stuckMs}) =>
        `partition ${partition} has made no progress for ${Math.round(stuckMs / 1_000)} s`,
    );
  return {isWell: reasons.length === 0, reasons};
}

/** A worker has started after it has reached its servers and joined its group. */
export function startup({hasJoined, troubles}: WorkerView): Health {
  if (hasJoined) return {isWell: true, reasons: []};
  const reasons = troubles.map(({kind, detail}) => `${kind}: ${detail}`);
  return {isWell: false, reasons: reasons.length > 0 ? reasons : ['the worker is starting']};
}
