/** Runs `projector doctor` for its tests and parses the output. */
import type {Variables} from './pipeline.js';
import {projector} from './projector.js';
import {shopOfFile} from './shop.js';

export const SECRET = 'Zq7Secret';

export interface Told {
  readonly status: number | null;
  readonly tookMs: number;
  /** `name: detail` of each check with this verdict. */
  readonly fail: readonly string[];
  readonly warn: readonly string[];
  readonly skipped: readonly string[];
  readonly names: readonly string[];
}

/** Group and key prefix of the worker that doctor checks. */
export const SHOP = `doctor-${Date.now().toString(36)}`;
/** Settings of the worker and of every command. */
export const BASE: Variables = {REDIS_KEY_PREFIX: `${SHOP}:`, KAFKA_GROUP_ID: SHOP};

/** A long timeout, because on a loaded machine a healthy server may respond late. */
export const PATIENT_S = 60;

/** Runs `projector doctor`. */
export async function doctor(extra: Variables = {}, {timeoutS = PATIENT_S} = {}): Promise<Told> {
  const startedMs = performance.now();
  const {status, stdout, stderr} = await projector(
    ['doctor', '--json', '--timeout', String(timeoutS), ...(await connectorOption())],
    {
      ...BASE,
      ...extra,
    },
  );
  const wholeMs = Math.round(performance.now() - startedMs);
  expect(stdout).not.toContain(SECRET);
  expect(stderr).toBe('');
  const {checks, tookMs} = JSON.parse(stdout) as {
    checks: {name: string; verdict: string; detail: string; fix: string | null}[];
    tookMs: number;
  };
  const those = (verdict: string): string[] =>
    checks.filter((check) => check.verdict === verdict).map(({name, detail}) => `${name}: ${detail}`);
  for (const {verdict, fix} of checks) expect(fix !== null).toBe(verdict === 'fail' || verdict === 'warn');
  const notified = {fail: those('fail'), warn: those('warn'), skipped: those('skipped')};
  process.stderr.write(
    `figure: doctor took ${tookMs} ms, ${wholeMs} ms with its start: ${notified.fail.join(' | ').slice(0, 150) || 'nothing fails'}\n`,
  );
  return {status, tookMs, ...notified, names: checks.map(({name}) => name)};
}

export async function connectorOption(): Promise<string[]> {
  return ['--connector-file', (await shopOfFile()).connectorFile];
}

/** Expects that exactly one check fails, with this text and this exit code. */
export function expectFail(notified: Told, wanted: RegExp, exitCode: number): void {
  expect([notified.fail, notified.status]).toEqual([[expect.stringMatching(wanted)], exitCode]);
}
