/** `projector doctor`: runs all checks and prints one line for each, with the action to take. */
import type {Command} from 'commander';
import type {CommandContext} from '../context.js';
import {intervalSeconds} from '../optionValues.js';
import type {Config, Environment} from '../../config/config.js';
import {configFaults, readConfig} from '../../config/readConfig.js';
import {unknownVariables} from '../../config/unknownVariables.js';
import {diagnose} from '../../operations/doctor/diagnose.js';
import {exitCodeOf, fail, skipped, type Check, type Verdict} from '../../operations/doctor/check.js';
import type {DoctorAnswer} from '../answers/operations.js';
import {EXIT} from '../../runtime/errorPolicy.js';
import {systemClock} from '../../runtime/lifecycle.js';
import {printable} from '../../runtime/escapeControl.js';
import {WORKER_SETTINGS} from '../../config/settings.js';
import {chosenConnector} from '../connectorFile.js';
import type {Output} from '../terminal/output.js';
import {fetchStatus, readStatus, workerUrl} from '../workerStatus.js';

const HELP = `
The result of each check is ok, warn, fail or skipped, with the reason and the action to take. The command
changes nothing. It ends within 5 s even if servers are unreachable or do not respond, unless --timeout is
higher than the default.
Exit codes: 0 no check failed (warnings are possible), 2 settings are invalid, 4 a server, the topic or the
connector is not available, 5 another check failed: a worker would halt, or Redis would not stay equal to MySQL.`;

export function addDoctor(program: Command, context: CommandContext): void {
  const {output, end} = context;
  program
    .command('doctor')
    .description(
      'check settings, servers, topic, connector and read model, and show how to fix problems. Changes nothing',
    )
    .option('--json', 'print JSON', false)
    .option(
      '--connector-file <path>',
      'file of the connector to check (default: the connector that follows from the settings)',
    )
    .option(
      '--timeout <seconds>',
      'timeout for the responses of the servers. Increase it on an overloaded machine',
      intervalSeconds,
      2.5,
    )
    .addHelpText('after', HELP)
    .action(async (options: {json: boolean; timeout: number; connectorFile?: string}) => {
      const {json, timeout, connectorFile} = options;
      end(await doctor({json, timeout, connectorFile}, {environment: context.environment(), output}));
    });
}

export interface DoctorOptions {
  /** Timeout in seconds. It covers all responses of all servers together. */
  readonly timeout: number;
  readonly json: boolean;
  /** The file of the connector to check. If it is undefined, the connector that follows from the settings. */
  readonly connectorFile: string | undefined;
}

export async function doctor(
  {json, connectorFile, timeout}: DoctorOptions,
  {environment, output}: {readonly environment: Environment; readonly output: Output},
): Promise<number> {
  const startedMs = performance.now();
  const faults = configFaults(environment, WORKER_SETTINGS);
  const checks =
    faults.length > 0
      ? settingsChecks(faults)
      : await checksOf(environment, connectorNameOf(connectorFile, environment), timeout * 1_000);
  const exitCode = exitCodeOf(checks);
  const tookMs = Math.round(performance.now() - startedMs);
  if (json) {
    const shown = checks.map(({name, verdict, detail, fix}) => ({name, verdict, detail, fix}));
    const answer: DoctorAnswer = {ok: exitCode === EXIT.ok, tookMs, checks: shown};
    output.line(JSON.stringify(answer));
  } else for (const line of doctorLines(checks, tookMs)) output.line(line);
  return exitCode;
}

async function checksOf(environment: Environment, connectorName: string, limitMs: number): Promise<Check[]> {
  const config = readConfig(environment, WORKER_SETTINGS);
  return await diagnose(config, {
    clock: systemClock,
    limitMs,
    connectorName,
    unknown: unknownVariables(environment),
    workerUrl: urlOf(config),
    fetchStatus,
    isWorker: (body) => readStatus(body) !== undefined,
  });
}

/** The checks for invalid settings. The servers are skipped, because their addresses are unknown. */
function settingsChecks(faults: readonly string[]): Check[] {
  const fix = 'Correct these settings. `projector config` lists all settings.';
  return [
    fail('settings', faults.join('; '), {fix, exitCode: EXIT.usage}),
    skipped('servers', 'their addresses are unknown, because the settings are invalid'),
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

/** The name of the connector to check. The settings are valid. */
function connectorNameOf(file: string | undefined, environment: Environment): string {
  return chosenConnector({file}, readConfig(environment, [])).name;
}
