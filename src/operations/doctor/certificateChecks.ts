/**
 * Certificates that stand in the settings: how long they hold. Those of servers are seen when they are reached.
 *
 * Pure: no clock, no I/O.
 */
import {EXIT} from '../../runtime/errorPolicy.js';
import type {NamedMaterial} from '../../config/clientOptions.js';
import {certificatesIn} from '../../config/valueTypes.js';
import {fail, ok, warn, type Check} from './check.js';

const NAME = 'certificates';
const DAY_MS = 86_400_000;
/** As many tools do that renew: 30 days of 90, and time for whoever renews by hand. */
const SOON_DAYS = 21;
const FIX = 'Renew it and restart the workers, which read it at their start.';

export function judgeCertificates(materials: readonly NamedMaterial[], nowMs: number): Check {
  const ends = materials
    .flatMap(([name, {cert, ca}]) => [
      // A chain is over with its first certificate that is; a store of CAs with its last.
      ...(cert === undefined ? [] : [{name: `${name}_CERT`, endMs: Math.min(...endsOf(cert))}]),
      ...(ca === undefined ? [] : [{name: `${name}_CA`, endMs: Math.max(...endsOf(ca))}]),
    ])
    .sort((a, b) => a.endMs - b.endMs);
  const [first] = ends;
  if (first === undefined) return ok(NAME, 'none stand in the settings');
  const over = ends.filter(({endMs}) => endMs <= nowMs);
  if (over.length > 0) {
    const detail = over.map(({name, endMs}) => `${name} has expired (${dayOf(endMs)})`).join('; ');
    return fail(NAME, detail, {fix: FIX, exitCode: EXIT.usage});
  }
  const soon = ends.filter(({endMs}) => endMs - nowMs < SOON_DAYS * DAY_MS);
  if (soon.length > 0) {
    const left = (endMs: number): string => `in ${Math.floor((endMs - nowMs) / DAY_MS)} days`;
    const told = soon.map(({name, endMs}) => `${name} expires ${left(endMs)} (${dayOf(endMs)})`);
    return warn(NAME, told.join('; '), FIX);
  }
  return ok(NAME, `the first to expire is ${first.name}, ${dayOf(first.endMs)}`);
}

/** Milliseconds since 1970, of each certificate in the text. */
function endsOf(pem: string): number[] {
  return certificatesIn(pem).map(({validTo}) => Date.parse(validTo));
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
