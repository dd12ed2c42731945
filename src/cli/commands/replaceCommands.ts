/** Declares the options and the help of `projector rebuild` and `projector sync`. */
import {type Command, InvalidArgumentError} from 'commander';
import {settingsOf, type CommandContext} from '../context.js';
import type {ReplaceOptions} from './replace.js';

const SPARE =
  'in the spare database of the same Redis (REDIS_SPARE_DATABASE), which then takes the place of the read model: readers go over ' +
  'in one instant, running workers follow by themselves';

export function addReplaceCommands(program: Command, command: CommandContext): void {
  const {output, end} = command;
  withOptions(
    program
      .command('rebuild')
      .description(`replay the log from its start ${SPARE}. Goes on where an earlier run has ended`)
      .option('--assist', 'help a rebuild or a sync that runs in another process', false),
  ).action(async (options: ReplaceOptions & {assist: boolean}) => {
    const context = {config: settingsOf(command, ['brokers', 'redisUrl']), output};
    if (options.assist) {
      const {assist} = await import('./assist.js');
      end(await assist(options, context));
    } else {
      const {rebuild} = await import('./replace.js');
      end(await rebuild(options, context));
    }
  });

  withOptions(
    program
      .command('sync')
      .description(`fill Redis from MySQL (MYSQL_URL) ${SPARE}. Does nothing where Redis holds orders`)
      .option('--replace', 'also where Redis holds orders', false),
  ).action(async (options: ReplaceOptions & {replace: boolean}) => {
    const config = settingsOf(command, ['brokers', 'redisUrl', 'mysqlUrl']);
    const {sync} = await import('./replace.js');
    end(await sync(options, {config, output}));
  });
}

function withOptions(command: Command): Command {
  return command
    .option('--target <url>', 'fill this Redis instead, which nobody reads yet', redisUrl)
    .option('--restart', 'throw away what an earlier run has left', false)
    .option('--set-aside', 'set bad records aside as a worker does, instead of halting at the first', false)
    .option('--dry-run', 'look whether it could be done, and do nothing', false)
    .option('--json', 'print the result as JSON', false);
}

function redisUrl(value: string): string {
  if (/^rediss?:\/\/[^/]/.test(value) && URL.canParse(value)) return value;
  throw new InvalidArgumentError('must be a URL that begins with redis:// or rediss://.');
}
