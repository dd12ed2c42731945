/**
 * Certificates in the settings: checks when they expire.
 *
 * Certificates of servers are not checked here. The checks that connect to a server report their errors.
 *
 * Pure: no clock, no I/O.
 */
import {EXIT} from '../../runtime/errorPolicy.js';
import type {NamedMaterial} from '../../config/clientOptions.js';
import {certificatesIn} from '../../config/valueTypes.js';
import {fail, ok, warn, type Check} from './check.js';
import {counted} from '../../runtime/counted.js';

const NAME = 'certificates';
const DAY_MS = 86_400_000;
/**
 * Many tools renew a certificate of 90 days when 30 days are left, so a certificate with fewer than 21 days was not renewed.
 * 21 days are also enough to renew it by hand.
 */
const SOON_DAYS = 21;
const FIX = 'Renew the certificate and restart the workers. They read certificates only at start.';

export function judgeCertificates(materials: readonly NamedMaterial[], nowMs: number): Check {
  const ends = materials
    .flatMap(([name, {cert, ca}]) => [
      // A chain expires with its first certificate. A file of CAs expires with its last one.
      ...(cert === undefined ? [] : [{name: `${name}_CERT`, endMs: Math.min(...endsOf(cert))}]),
      ...(ca === undefined ? [] : [{name: `${name}_CA`, endMs: Math.max(...endsOf(ca))}]),
    ])
    .sort((a, b) => a.endMs - b.endMs);
  const [first] = ends;
  if (first === undefined) return ok(NAME, 'no certificate is configured');
  const over = ends.filter(({endMs}) => endMs <= nowMs);
  if (over.length > 0) {
    const detail = over.map(({name, endMs}) => `${name} has expired (${dayOf(endMs)})`).join('; ');
    return fail(NAME, detail, {fix: FIX, exitCode: EXIT.usage});
  }
  const soon = ends.filter(({endMs}) => endMs - nowMs < SOON_DAYS * DAY_MS);
  if (soon.length > 0) {
    const left = (endMs: number): string => `in ${counted(Math.floor((endMs - nowMs) / DAY_MS), 'day')}`;
    const notified = soon.map(({name, endMs}) => `${name} expires ${left(endMs)} (${dayOf(endMs)})`);
    return warn(NAME, notified.join('; '), FIX);
  }
  return ok(NAME, `the first to expire is ${first.name}, ${dayOf(first.endMs)}`);
}

/** When each certificate in the text expires, in ms since 1970. */
function endsOf(pem: string): number[] {
  return certificatesIn(pem).map(({validTo}) => Date.parse(validTo));
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10);
}
