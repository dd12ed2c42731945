/**
 * Reads and formats the response of /status of a worker (observe/routes.ts).
 *
 * The worker may run another version of this program. So every field except `state` and `partitions` may be missing, and a missing
 * field has a default text such as `unknown`.
 *
 * Pure: no clock, no I/O.
 */
import {printable} from '../../runtime/escapeControl.js';
import {table} from '../terminal/output.js';

export interface ToldPartition {
  readonly partition: number;
  /** Offsets and counts are strings, because a JSON number would lose digits (I8). */
  readonly position: string | null;
  readonly end: string | null;
  readonly lagRecords: string | null;
}

export interface ToldStatus {
  readonly state: string;
  readonly ready?: {readonly isWell?: boolean; readonly reasons?: readonly string[]};
  readonly version?: string;
  readonly group?: string;
  readonly topic?: string;
  readonly now?: string;
  readonly started?: string;
  readonly lagRecords?: string | null;
  readonly lagSeconds?: number | null;
  readonly freshnessSeconds?: number | null;
  readonly records?: Readonly<Record<string, unknown>>;
  readonly rebalances?: number;
  readonly connector?: {readonly name?: string; readonly state?: string} | null;
  readonly partitions: readonly ToldPartition[];
  readonly errors?: readonly {readonly at?: string; readonly kind?: string; readonly detail?: string}[];
}

/** Returns the status, or undefined if `body` is not the response of a worker. */
export function readStatus(body: unknown): ToldStatus | undefined {
  if (typeof body !== 'object' || body === null) return undefined;
  const {state, partitions} = body as Partial<ToldStatus>;
  return typeof state === 'string' && Array.isArray(partitions) ? (body as ToldStatus) : undefined;
}

export function statusLines(told: ToldStatus): string[] {
  const {ready, records = {}, connector, errors = []} = told;
  const reasons = ready?.reasons ?? [];
  const pairs: [string, string][] = [
    ['state', told.state],
    ['ready', ready?.isWell === true ? 'yes' : `no${reasons.length > 0 ? '' : ', and it does not say why'}`],
    ...reasons.map((reason): [string, string] => ['', reason]),
    ['worker', `version ${told.version ?? 'unknown'}, group ${told.group ?? 'unknown'}, ${uptimeOf(told)}`],
    ['lag', lagText(told)],
    [
      'freshness',
      told.freshnessSeconds == null ? 'nothing applied yet' : `${seconds(told.freshnessSeconds)} old`,
    ],
    ['records', recordsText(records)],
    ['set aside', `${text(records['quarantined'] ?? 0)} by this worker since its start`],
    ['connector', connector == null ? 'not known' : `${connector.name ?? '?'} ${connector.state ?? '?'}`],
  ];
  const cells = told.partitions.map(({partition, position, end, lagRecords}) =>
    [String(partition), position ?? 'none', end ?? 'unknown', lagRecords ?? 'unknown'].map(printable),
  );
  return [
    ...pairs.map(([name, value]) => `${name.padEnd(10)} ${printable(value)}`),
    '',
    ...(cells.length === 0
      ? ['no partitions are given to this worker']
      : table(['partition', 'position', 'end', 'lag'], cells)),
    ...(errors.length === 0 ? [] : ['', 'last errors, the newest first']),
    ...errors.map(({at = '', kind = '', detail = ''}) => printable(`${at}  ${kind}: ${detail}`)),
  ];
}

function lagText({lagRecords, lagSeconds, topic = 'its topic'}: ToldStatus): string {
  if (lagRecords == null) return 'not known yet';
  const time = lagSeconds == null ? '' : `, ${seconds(lagSeconds)}`;
  return `${lagRecords} records${time} behind on ${topic}`;
}

function recordsText(records: Readonly<Record<string, unknown>>): string {
  const names = ['consumed', 'applied', 'duplicate', 'ignored', 'quarantined'];
  return names.map((name) => `${text(records[name] ?? 0)} ${name}`).join(', ');
}

function uptimeOf({now = '', started = ''}: ToldStatus): string {
  const ms = Date.parse(now) - Date.parse(started);
  return Number.isNaN(ms) ? 'up for an unknown time' : `up for ${seconds(ms / 1_000)}`;
}

/** Formats a duration: `3.2 s`, `4 min 10 s`, `2 h 5 min`. */
function seconds(count: number): string {
  if (count < 60) return `${Math.round(count * 10) / 10} s`;
  const whole = Math.round(count);
  const minutes = Math.floor(whole / 60);
  return minutes < 60
    ? `${minutes} min ${whole % 60} s`
    : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

function text(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '?';
}
