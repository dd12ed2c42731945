/** `projector audit`: compares Redis with MySQL again and again, as a service. */
import {type Command, InvalidArgumentError} from 'commander';
import {settingsOf, type CommandContext} from '../context.js';
import {runAudit} from '../verification/audit.js';

const EVERY = '10m';
const ROWS_PER_SECOND = 5_000;

interface Options {
  readonly once: boolean;
  readonly every: number;
  readonly rowsPerSecond: number;
  readonly repair: boolean;
}

export function addAudit(program: Command, command: CommandContext): void {
  program
    .command('audit')
    .description(
      'compare Redis with MySQL (MYSQL_URL) again and again at a limited rate, until it is stopped, and soon after a schema change. ' +
        'This finds changes of MySQL that have no row event. A second audit stands by. Prints JSON lines. Changes nothing without --repair',
    )
    .option(
      '--repair',
      'set each value that differs to the value of MySQL. Workers pause for short times',
      false,
    )
    .option(
      '--every <duration>',
      'time between the starts of two passes, for example 30s, 10m or 2h',
      duration,
      duration(EVERY),
    )
    .option('--once', 'end after one pass. Exits with code 3 if differences remain', false)
    .option(
      '--rows-per-second <number>',
      'how many rows and keys to read per second; 0 for no limit',
      rowsPerSecond,
      ROWS_PER_SECOND,
    )
    .action(async ({once, every, rowsPerSecond: rows, repair}: Options) => {
      const config = settingsOf(command, ['brokers', 'redisUrl', 'mysqlUrl']);
      const everyMs = once ? null : every;
      command.end(
        await runAudit(config, {everyMs, rowsPerSecond: rows === 0 ? Infinity : rows, isRepairing: repair}),
      );
    });
}

const UNIT_MS: Readonly<Record<string, number>> = {s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000};

/** Returns ms. */
function duration(value: string): number {
  const [, number = '', unit = ''] = /^([1-9]\d{0,4})([smhd])$/.exec(value) ?? [];
  const unitMs = UNIT_MS[unit];
  if (unitMs === undefined)
    throw new InvalidArgumentError('must be a whole number with a unit, for example 30s, 10m, 2h or 1d.');
  return Number(number) * unitMs;
}

function rowsPerSecond(value: string): number {
  if (!/^\d{1,8}$/.test(value)) throw new InvalidArgumentError('must be a whole number, or 0 for no limit.');
  return Number(value);
}
