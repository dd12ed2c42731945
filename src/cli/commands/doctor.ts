/** `projector doctor`: runs all checks and prints one line for each, with the action to take. */
import type {Config, Environment} from '../../config/config.js';
import {configFaults, readConfig} from '../../config/readConfig.js';
import {diagnose} from '../../operations/doctor/diagnose.js';
import {exitCodeOf, fail, skipped, type Check, type Verdict} from '../../operations/doctor/check.js';
import {EXIT} from '../../runtime/errorPolicy.js';
import {systemClock} from '../../runtime/lifecycle.js';
import {printable} from '../../runtime/escapeControl.js';
import {WORKER_SETTINGS} from '../../config/settings.js';
import {readConnectorFile} from './connector.js';
import type {Output} from '../terminal/output.js';
import {fetchStatus, workerUrl} from './status.js';
import {readStatus} from './statusView.js';

export interface DoctorOptions {
  /** Timeout in seconds. It covers all responses of all servers together. */
  readonly timeout: number;
  readonly json: boolean;
  /** The file of the connector to check. If it is undefined, connectors/orders.json is used. */
  readonly connectorFile: string | undefined;
}

export async function doctor(
  {json, connectorFile, timeout}: DoctorOptions,
  {environment, output}: {readonly environment: Environment; readonly output: Output},
): Promise<number> {
  const {name: connectorName} = readConnectorFile(connectorFile);
  const startedMs = performance.now();
  const faults = configFaults(environment, WORKER_SETTINGS);
  const checks =
    faults.length > 0 ? settingsChecks(faults) : await checksOf(environment, connectorName, timeout * 1_000);
  const exitCode = exitCodeOf(checks);
  const tookMs = Math.round(performance.now() - startedMs);
  if (json) {
    const shown = checks.map(({name, verdict, detail, fix}) => ({name, verdict, detail, fix}));
    output.line(JSON.stringify({ok: exitCode === EXIT.ok, tookMs, checks: shown}));
  } else for (const line of doctorLines(checks, tookMs)) output.line(line);
  return exitCode;
}

async function checksOf(environment: Environment, connectorName: string, limitMs: number): Promise<Check[]> {
  const config = readConfig(environment, WORKER_SETTINGS);
  return await diagnose(config, {
    clock: systemClock,
    limitMs,
    connectorName,
    workerUrl: urlOf(config),
    fetchStatus,
    isWorker: (body) => readStatus(body) !== undefined,
  });
}

/** The checks for invalid settings. The servers are skipped, because their addresses are unknown. */
function settingsChecks(faults: readonly string[]): Check[] {
  const fix = 'Correct these settings; `projector config` lists all.';
  return [
    fail('settings', faults.join('; '), {fix, exitCode: EXIT.usage}),
    skipped('servers', 'the settings do not say where they are'),
  ];
}

function urlOf({httpHost, httpPort}: Config): string | undefined {
  return httpPort === 'off' || httpPort === 0 ? undefined : workerUrl(httpHost, httpPort);
}

export function doctorLines(checks: readonly Check[], tookMs: number): string[] {
  const width = Math.max(...checks.map(({name}) => name.length));
  const lines = checks.flatMap(({name, verdict, detail, fix}) => {
    const head = `${verdict.padEnd(7)}  ${name.padEnd(width)}  ${printable(detail)}`;
    return fix === null ? [head] : [head, `${' '.repeat(width + 11)}${printable(fix)}`];
  });
  const count = (wanted: Verdict): number => checks.filter(({verdict}) => verdict === wanted).length;
  const sums = (['ok', 'warn', 'fail', 'skipped'] as const).map((verdict) => `${count(verdict)} ${verdict}`);
  return [...lines, `${sums.join(', ')}, in ${(tookMs / 1_000).toFixed(1)} s`];
}
