/**
 * What probes are told. A worker that waits for a server is alive and not ready: to start it anew would help nobody.
 *
 * Pure: no clock, no I/O.
 */
import type {WorkerView} from '../worker/workerView.js';

export interface Health {
  readonly isWell: boolean;
  /** One sentence each; empty when all is well. */
  readonly reasons: readonly string[];
}

/** Ready: it applies what comes. Lag does not count, since a worker that catches up is not ill. */
export function readiness({state, troubles, isKafkaUp, hasJoined}: WorkerView): Health {
  const reasons = troubles.map(({kind, detail}) => `${kind}: ${detail}`);
  if (state === 'draining' || state === 'halted') reasons.push(`the worker is ${state}`);
  if (!hasJoined) reasons.push('the worker has not joined its group yet');
  else if (!isKafkaUp) reasons.push('Kafka does not answer');
  return {isWell: reasons.length === 0, reasons};
}

/** Alive: nothing that could go on stands still. Servers never count. */
export function liveness({partitions}: WorkerView, stuckMsMax: number): Health {
  const reasons = partitions
    .filter(({stuckMs}) => stuckMs >= stuckMsMax)
    .map(
      ({partition, stuckMs}) =>
        `partition ${partition} has got no further for ${Math.round(stuckMs / 1_000)} s`,
    );
  return {isWell: reasons.length === 0, reasons};
}

/** Started: the servers were reached and the group was joined. */
export function startup({hasJoined, troubles}: WorkerView): Health {
  if (hasJoined) return {isWell: true, reasons: []};
  const reasons = troubles.map(({kind, detail}) => `${kind}: ${detail}`);
  return {isWell: false, reasons: reasons.length > 0 ? reasons : ['the worker is starting']};
}
