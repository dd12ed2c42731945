/** Declares the commands that watch a worker and its dependencies: `status`, `lag` and `doctor`, their options and their help. */
import {InvalidArgumentError, type Command} from 'commander';
import {settingsOf, type CommandContext} from '../context.js';
import type {LagOptions} from './lag.js';
import type {StatusOptions} from './status.js';

const DOCTOR_HELP = `
Each check is ok, warn, fail or skipped, with its reason and what to do. It changes nothing, and takes less than 5 s also when servers are
away or silent, unless --timeout lets it wait longer.
Exit codes: 0 nothing fails (warnings may stand), 2 settings are wrong, 4 a server, the topic or the connector is not there, 5 something
else fails: a worker would halt on it, or Redis would not stay exact.`;

export function addWatchCommands(program: Command, context: CommandContext): void {
  const {output, end} = context;

  program
    .command('status')
    .description('what a running worker tells of itself (/status). Exit 4 when none answers')
    .option(
      '--url <address>',
      'http://host:port of the worker (default: HTTP_HOST and HTTP_PORT)',
      workerAddress,
    )
    .option('--json', 'print JSON as the worker tells it', false)
    .action(async (options: Omit<StatusOptions, 'url'> & {url?: string}) => {
      const config = settingsOf(context, []);
      const {status} = await import('./status.js');
      end(await status({url: options.url, json: options.json}, {config, output}));
    });

  program
    .command('lag')
    .description('how many records Redis is behind the log')
    .option('--watch', 'look again and again, until Ctrl-C', false)
    .option('--interval <seconds>', 'between two looks', intervalSeconds, 2)
    .option('--json', 'print JSON; with --watch one object a line', false)
    .action(async (options: LagOptions) => {
      const config = settingsOf(context, ['brokers', 'redisUrl']);
      const {lag} = await import('./lag.js');
      end(await lag(options, {config, output}));
    });

  program
    .command('doctor')
    .description(
      'look at settings, servers, topic, connector and read model: what is wrong, and how it is mended',
    )
    .option('--json', 'print JSON', false)
    .option('--connector-file <path>', 'the connector that is looked for (default: connectors/orders.json)')
    .option(
      '--timeout <seconds>',
      'for the answers of each server; more on a machine that is overloaded',
      intervalSeconds,
      2.5,
    )
    .addHelpText('after', DOCTOR_HELP)
    .action(async (options: {json: boolean; timeout: number; connectorFile?: string}) => {
      const {doctor} = await import('./doctor.js');
      const {json, timeout, connectorFile} = options;
      end(await doctor({json, timeout, connectorFile}, {environment: context.environment(), output}));
    });
}

function workerAddress(value: string): string {
  const isAddress = /^https?:\/\/[^/]/.test(value) && URL.canParse(value);
  if (!isAddress) throw new InvalidArgumentError('must be a URL that begins with http:// or https://.');
  return value.replace(/\/+$/, '');
}

function intervalSeconds(value: string): number {
  const seconds = /^\d{1,4}(?:\.\d{1,3})?$/.test(value) ? Number(value) : 0;
  if (seconds < 0.1 || seconds > 3_600) throw new InvalidArgumentError('must be a number from 0.1 to 3600.');
  return seconds;
}
