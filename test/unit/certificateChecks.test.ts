/** The check of `projector doctor` for the certificates in the settings. */
import {readFileSync} from 'node:fs';
import type {TlsMaterial} from '../../src/clients/tls.js';
import {judgeCertificates} from '../../src/operations/doctor/certificateChecks.js';
import {TestCa} from '../support/certificates.js';

const DAY_MS = 86_400_000;
const ca = new TestCa();
afterAll(() => ca[Symbol.dispose]());

/** The certificate of the CA and the one that it issues are valid for 30 days. */
const caText = readFileSync(ca.cert, 'utf8');
const certText = readFileSync(ca.issue().cert, 'utf8');
const expiredText = readFileSync(ca.issue({isExpired: true}).cert, 'utf8');
const days = (count: number): number => Date.now() + count * DAY_MS;

function notified(material: TlsMaterial, nowMs: number): string {
  const {verdict, detail, fix, exitCode} = judgeCertificates([['REDIS_TLS', material]], nowMs);
  expect(fix !== null).toBe(verdict === 'warn' || verdict === 'fail');
  expect(exitCode).toBe(verdict === 'fail' ? 2 : 0);
  return `${verdict}: ${detail}`;
}

const CASES: readonly (readonly [name: string, material: TlsMaterial, nowMs: number, wanted: RegExp])[] = [
  ['no certificate', {}, days(0), /^ok: no certificate is configured/],
  [
    'valid certificates',
    {ca: caText, cert: certText},
    days(0),
    /^ok: the first to expire is REDIS_TLS_C(?:ERT|A), 20/,
  ],
  [
    'a certificate that expires soon',
    {cert: certText},
    days(20),
    /^warn: REDIS_TLS_CERT expires in 9 days \(20\d\d-/,
  ],
  ['an expired certificate', {cert: expiredText}, days(0), /^fail: REDIS_TLS_CERT has expired \(20\d\d-/],
  [
    'a single CA that has expired',
    {ca: caText, cert: certText},
    days(40),
    /^fail: REDIS_TLS_C.*REDIS_TLS_C.* has exp/,
  ],
  ['a chain with an expired part', {cert: certText + expiredText}, days(0), /^fail: REDIS_TLS_CERT has/],
  ['several CAs, one of them expired', {ca: expiredText + caText}, days(0), /^ok: .*REDIS_TLS_CA/],
];

test.each(CASES)('the check has the expected verdict for %s', (...[, material, nowMs, wanted]) => {
  expect(notified(material, nowMs)).toMatch(wanted);
});

test('each expired certificate is reported under the setting of its own server', () => {
  const both = judgeCertificates(
    [
      ['KAFKA_SSL', {cert: expiredText}],
      ['MYSQL_SSL', {ca: expiredText}],
    ],
    days(0),
  );
  expect(both.detail).toMatch(/KAFKA_SSL_CERT has expired .*; MYSQL_SSL_CA has expired/);
});
