/** Options and help of `projector verify`. */
import {type Command, InvalidArgumentError} from 'commander';
import {readConfig} from '../config.js';
import type {CommandContext} from './dlqCommands.js';
import {verifyCommand, type VerifyOptions} from './verify.js';

export function addVerifyCommand(program: Command, {environment, output, end}: CommandContext): void {
  program
    .command('verify')
    .description(
      'compare Redis with MySQL (MYSQL_URL) while both change: every order, counter, report and key. Exit 3 when they differ',
    )
    .option(
      '--repair',
      'mend exactly what differs, then compare again; workers stand still for moments',
      false,
    )
    .option(
      '--remove-malformed',
      'a repair may also remove keys such as `order:x`: nobody else uses these names',
      false,
    )
    .option('--sample <orders>', 'a quick look at so many orders', wholeNumber)
    .option('--limit <rows>', 'differences to print', wholeNumber, 100)
    .option('--wait <seconds>', 'how long to wait for what is under way; at least 10', waitSeconds, 60)
    .option('--json', 'print JSON', false)
    .action(async (options: VerifyOptions) => {
      const config = readConfig(environment, ['brokers', 'redisUrl', 'mysqlUrl']);
      end(await verifyCommand(options, {config, output}));
    });
}

function wholeNumber(value: string): number {
  if (!/^[1-9]\d{0,6}$/.test(value))
    throw new InvalidArgumentError('must be a whole number from 1 to 9999999.');
  return Number(value);
}

/** A difference is certain after some 5 s; less would leave everything open. */
function waitSeconds(value: string): number {
  const seconds = wholeNumber(value);
  if (seconds < 10) throw new InvalidArgumentError('must be at least 10.');
  return seconds;
}
