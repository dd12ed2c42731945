/** `projector status`: prints the response of /status of a running worker in readable form. */
import {InvalidArgumentError, type Command} from 'commander';
import {EXIT} from '../../runtime/errorPolicy.js';
import {ProjectorError} from '../../runtime/errors.js';
import {printable} from '../../runtime/escapeControl.js';
import {settingsOf, type CommandContext} from '../context.js';
import {table, type Output} from '../terminal/output.js';
import {fetchStatus, readStatus, workerUrl, type WorkerStatus} from '../workerStatus.js';
import {counted} from '../../runtime/counted.js';

export function addStatus(program: Command, context: CommandContext): void {
  const {output, end} = context;
  program
    .command('status')
    .description('show the status of a running worker (/status). Exits with code 4 if no worker responds')
    .option(
      '--url <address>',
      'address of the worker, http://host:port (default: PROJECTOR_HTTP_HOST and PROJECTOR_HTTP_PORT)',
      workerAddress,
    )
    .option('--json', 'print the JSON response of the worker', false)
    .action(async (options: Omit<StatusOptions, 'url'> & {url?: string}) => {
      const config = settingsOf(context, []);
      end(await status({url: options.url, json: options.json}, {config, output}));
    });
}

function workerAddress(value: string): string {
  const isAddress = /^https?:\/\/[^/]/.test(value) && URL.canParse(value);
  if (!isAddress) throw new InvalidArgumentError('must be a URL that begins with http:// or https://.');
  const {username, password} = new URL(value);
  if (username !== '' || password !== '')
    throw new ProjectorError(
      'usage',
      '--url must not contain a user or a password, because a worker asks for none',
    );
  return value.replace(/\/+$/, '');
}

export interface StatusOptions {
  /** `http://host:port` of the worker. If it is undefined, PROJECTOR_HTTP_HOST and PROJECTOR_HTTP_PORT are used. */
  readonly url: string | undefined;
  readonly json: boolean;
}

export async function status(
  {url, json}: StatusOptions,
  {
    config: {httpHost, httpPort},
    output,
  }: {config: {readonly httpHost: string; readonly httpPort: number | 'off'}; output: Output},
): Promise<number> {
  const base = url ?? workerUrl(httpHost, httpPort);
  const body = await fetchStatus(base);
  const notified = readStatus(body);
  if (notified === undefined) {
    throw new ProjectorError(
      'worker-unreachable',
      `the server at ${base}/status responded, but it is not a projector worker`,
    );
  }
  for (const line of json ? [JSON.stringify(body)] : statusLines(notified)) output.line(line);
  return EXIT.ok;
}

export function statusLines(notified: WorkerStatus): string[] {
  const {ready, records = {}, connector, errors = []} = notified;
  const reasons = ready?.reasons ?? [];
  const pairs: [string, string][] = [
    ['state', notified.state],
    ['ready', ready?.isWell === true ? 'yes' : `no${reasons.length > 0 ? '' : ' (no reason reported)'}`],
    ...reasons.map((reason): [string, string] => ['', reason]),
    [
      'worker',
      `version ${notified.version ?? 'unknown'}, group ${notified.group ?? 'unknown'}, ${uptimeOf(notified)}`,
    ],
    ['lag', lagText(notified)],
    [
      'freshness',
      notified.freshnessSeconds == null
        ? 'unknown (no change applied since the start)'
        : `${seconds(notified.freshnessSeconds)} old`,
    ],
    ['records', recordsText(records)],
    ['quarantined', `${text(records['quarantined'] ?? 0)} by this worker since its start`],
    ['connector', connector == null ? 'unknown' : `${connector.name ?? '?'} ${connector.state ?? '?'}`],
    ['audit', auditText(notified)],
  ];
  const cells = notified.partitions.map(({partition, position, end, lagRecords}) =>
    [String(partition), position ?? 'none', end ?? 'unknown', lagRecords ?? 'unknown'].map(printable),
  );
  return [
    ...pairs.map(([name, value]) => `${name.padEnd(11)} ${printable(value)}`),
    '',
    ...(cells.length === 0
      ? ['no partitions are assigned to this worker']
      : table(['partition', 'position', 'end', 'lag'], cells)),
    ...(errors.length === 0 ? [] : ['', 'last errors, newest first']),
    ...errors.map(({at = '', kind = '', detail = ''}) => printable(`${at}  ${kind}: ${detail}`)),
  ];
}

function auditText({audit, now = ''}: WorkerStatus): string {
  if (audit == null) return 'none (projector audit)';
  const {isRunning = false, isRequested = false, overdueSeconds = 0, last} = audit;
  const state = `${isRunning ? 'running' : 'not running'}${isRequested ? ', requested by a schema change' : ''}`;
  if (last == null) return `${state}, no pass has ended`;
  const {ended = '', differences = 0, repaired = 0, open = 0} = last;
  const agoMs = Date.parse(now) - Date.parse(ended);
  const ago = Number.isNaN(agoMs) ? '' : ` ${seconds(agoMs / 1_000)} ago`;
  const late = overdueSeconds > 0 ? `, the next one is late by ${seconds(overdueSeconds)}` : '';
  return `${state}, last pass${ago}: ${counted(differences, 'difference')}, ${repaired} repaired, ${open} not decided${late}`;
}

function lagText({lagRecords, lagSeconds, topic = 'its topic'}: WorkerStatus): string {
  if (lagRecords == null) return 'unknown';
  const time = lagSeconds == null ? '' : `, ${seconds(lagSeconds)}`;
  return `${counted(lagRecords, 'record')}${time} on ${topic}`;
}

function recordsText(records: Readonly<Record<string, unknown>>): string {
  const names = ['consumed', 'applied', 'duplicate', 'ignored', 'quarantined'];
  return names.map((name) => `${text(records[name] ?? 0)} ${name}`).join(', ');
}

function uptimeOf({now = '', started = ''}: WorkerStatus): string {
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
