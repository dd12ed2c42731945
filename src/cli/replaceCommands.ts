/** Options and help of `projector rebuild` and `projector sync`. */
import {type Command, InvalidArgumentError} from 'commander';
import {readConfig} from '../config.js';
import {assist} from './assist.js';
import type {CommandContext} from './dlqCommands.js';
import {rebuild, sync, type ReplaceOptions} from './replace.js';

const SPARE =
  'in the spare database of the same Redis (REDIS_SPARE_DATABASE), which then takes the place of the read model: readers go over ' +
  'in one instant, running workers follow by themselves';

export function addReplaceCommands(program: Command, {environment, output, end}: CommandContext): void {
  withOptions(
    program
      .command('rebuild')
      .description(`replay the log from its start ${SPARE}. Goes on where an earlier run has ended`)
      .option('--assist', 'help a rebuild or a sync that runs in another process', false),
  ).action(async (options: ReplaceOptions & {assist: boolean}) => {
    const context = {config: readConfig(environment, ['brokers', 'redisUrl']), output};
    end(options.assist ? await assist(options, context) : await rebuild(options, context));
  });

  withOptions(
    program
      .command('sync')
      .description(`fill Redis from MySQL (MYSQL_URL) ${SPARE}. Does nothing where Redis holds orders`)
      .option('--replace', 'also where Redis holds orders', false),
  ).action(async (options: ReplaceOptions & {replace: boolean}) => {
    const config = readConfig(environment, ['brokers', 'redisUrl', 'mysqlUrl']);
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
