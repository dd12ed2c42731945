/** Logs what an audit does and finds, as JSON lines like those of a worker. */
import type {Logger} from 'pino';
import type {AuditEvent} from '../../operations/verify/audit/audit.js';
import type {PassEvent} from '../../operations/verify/audit/pass.js';
import {remaining} from '../../redis-model/audit.js';

/** Differences that are logged in one pass. The others are only counted. */
const LOGGED_MAX = 1_000;

export function logAudit(logger: Logger, event: AuditEvent, isRepairing: boolean): void {
  switch (event.kind) {
    case 'pass-begins':
      logger.info(
        {requested: event.requested, isContinued: event.isContinued},
        event.isContinued ? 'the audit continues an unfinished pass' : 'the audit begins a pass',
      );
      break;
    case 'pass-ends': {
      const {startedMs, endedMs, orders, differences, repaired, open, unchecked} = event.pass;
      const fields = {seconds: (endedMs - startedMs) / 1_000, orders, differences, repaired, open, unchecked};
      if (remaining(event.pass) > 0) logger.warn(fields, 'pass complete: Redis differs from MySQL');
      else if (open + unchecked === 0) logger.info(fields, 'pass complete: Redis equals MySQL');
      else logger.info(fields, 'pass complete: no difference, but some values were not decided');
      break;
    }
    case 'stands-by':
      logger.warn(
        {reason: event.holder},
        isRepairing && !/\S+ audit-repair on /.test(event.holder)
          ? 'standing by: an audit without --repair is running. Stop it, so that this one can repair'
          : 'standing by: another audit is running',
      );
      break;
    case 'waits':
      logger.warn({kind: event.error.kind}, `waiting: ${event.error.detail}`);
      break;
    case 'recovered':
      logger.info({}, `recovered: ${event.of} after ${(event.afterMs / 1_000).toFixed(1)} s`);
      break;
  }
}

/** Logs each difference that was found or repaired: key and field, without values (I11). */
export function differenceLog(logger: Logger): (event: PassEvent) => void {
  let logged = 0;
  return (event) => {
    if (event.kind === 'behind') {
      logger.warn(
        {values: event.values},
        'some values were not decided, because Redis or the topic is behind (`projector lag`, `projector connector status`). The next pass compares them again',
      );
      return;
    }
    logged++;
    const {kind: difference, key, field} = event.finding;
    const what = event.kind === 'differs' ? 'difference found' : 'difference repaired';
    if (logged <= LOGGED_MAX) logger.warn({difference, key, field}, what);
    else if (logged === LOGGED_MAX + 1)
      logger.warn({}, 'further differences of this pass are counted, but not logged');
  };
}
