/**
 * Converts numbers, times and states of a worker to the words that the page shows.
 *
 * Pure: no clock, no document.
 */
import type {StatusAnswer} from '../observe/statusAnswer.js';

export type Status = StatusAnswer<string>;

/** A tone selects a colour. A text always says the same, so that the page is readable without colours. */
export type Tone = 'good' | 'warn' | 'bad';

/** The page shows this text for an unknown value. */
export const UNKNOWN = '–';

/**
 * The connector sends a heartbeat every few seconds. If the newest applied change or heartbeat is older than this, the page
 * assumes that the connector may be dead.
 */
export const FRESH_SECONDS_MAX = 60;

const MINUTE = 60;
const HOUR = 3_600;
const DAY = 86_400;

/** Formats a whole number with its digits in groups of three. A text of any length stays exact. */
export function count(value: string | number | null): string {
  if (value === null) return UNKNOWN;
  return String(value).replace(/\B(?=(?:\d{3})+$)/g, ',');
}

/** Returns `1 record` or `1,234 records`. */
export function counted(value: number, one: string): string {
  return `${count(value)} ${one}${value === 1 ? '' : 's'}`;
}

/** Formats a duration: `0.4 s`, `12 s`, `3 min 5 s`, `2 h 14 min`, `3 d 4 h`. */
export function span(seconds: number | null): string {
  if (seconds === null) return UNKNOWN;
  if (seconds < 9.95 && !Number.isInteger(seconds)) return `${seconds.toFixed(1)} s`;
  const whole = Math.round(seconds);
  if (whole < MINUTE) return `${whole} s`;
  if (whole < HOUR) return pair([whole, MINUTE, 'min'], [1, 's']);
  if (whole < DAY) return pair([whole, HOUR, 'h'], [MINUTE, 'min']);
  return pair([whole, DAY, 'd'], [HOUR, 'h']);
}

function pair(
  [seconds, large, largeUnit]: [number, number, string],
  [small, smallUnit]: [number, string],
): string {
  const rest = Math.floor((seconds % large) / small);
  return `${Math.floor(seconds / large)} ${largeUnit}${rest === 0 ? '' : ` ${rest} ${smallUnit}`}`;
}

/** Formats a rate per second: `0`, `0.4`, `12`, `1,340`. */
export function rate(perSecond: number | null): string {
  if (perSecond === null) return UNKNOWN;
  return perSecond > 0 && perSecond < 9.95 ? perSecond.toFixed(1) : count(Math.round(perSecond));
}

export function secondsBetween(from: string, to: string): number {
  return Math.max(0, (Date.parse(to) - Date.parse(from)) / 1_000);
}

export interface Headline {
  readonly tone: Tone;
  readonly title: string;
  readonly reasons: readonly string[];
}

const STATES: Readonly<Record<string, string>> = {
  starting: 'starting',
  running: 'applies new records',
  waiting: 'retries, and resumes without a restart',
  draining: 'finishes the work in progress, then stops',
  halted: 'stops because of an error',
};

/** Returns for example `running: applies new records`. It returns an unknown state of a newer worker without a meaning. */
export function stateText(state: string): string {
  const meaning = STATES[state];
  return meaning === undefined || meaning === state ? state : `${state}: ${meaning}`;
}

export function headline({state, ready}: Status): Headline {
  if (ready.isWell) return {tone: 'good', title: 'Ready', reasons: []};
  return {tone: state === 'halted' ? 'bad' : 'warn', title: 'Not ready', reasons: ready.reasons};
}

export function freshnessTone({freshnessSeconds}: Status): Tone {
  return freshnessSeconds !== null && freshnessSeconds > FRESH_SECONDS_MAX ? 'warn' : 'good';
}

/** Returns the title of the browser tab. It begins with the state, so that it is visible among many tabs. */
export function tabTitle(status: Status): string {
  const name = `${status.group} · order projector`;
  if (!status.ready.isWell) return `Not ready · ${name}`;
  return `${status.lagRecords === null ? 'Ready' : `Lag ${count(status.lagRecords)}`} · ${name}`;
}

/** What the audit has found, and its tone. `when` formats a time. */
export function auditWords(
  audit: Status['audit'],
  when: (iso: string) => string,
): [text: string, tone?: Tone] {
  if (audit === null) return ['none: see projector audit'];
  const {isRunning, isRequested, overdueSeconds, last} = audit;
  const doubts = [
    ...(isRunning ? [] : ['not running']),
    ...(isRequested ? ['requested by a schema change'] : []),
    ...(overdueSeconds > 0 ? [`late by ${span(overdueSeconds)}`] : []),
  ];
  const tone = doubts.length > 0 ? 'warn' : 'good';
  if (last === null) return [['no pass has ended', ...doubts].join('; '), 'warn'];
  const left = last.differences - last.repaired;
  const equal = last.open > 0 ? 'no difference' : 'equal to MySQL';
  const found = `${left > 0 ? counted(left, 'difference') : equal} at ${when(last.ended)}`;
  const open = last.open > 0 ? [`${counted(last.open, 'value')} not decided`] : [];
  const repaired = last.repaired > 0 ? [`${count(last.repaired)} repaired`] : [];
  return [[found, ...repaired, ...open, ...doubts].join('; '), left > 0 ? 'bad' : tone];
}
