/** `projector verify`: compares Redis with MySQL, or with a replay of the topic. */
import {type Command, InvalidArgumentError, Option} from 'commander';
import {ProjectorError} from '../../runtime/errors.js';
import {settingsOf, type CommandContext} from '../context.js';
import {verifyAgainstMysql, type VerifyOptions} from '../verification/againstMysql.js';
import {verifyAgainstTopic, type VerifyTopicOptions} from '../verification/againstTopic.js';

type Options = VerifyOptions & VerifyTopicOptions & {readonly against: 'mysql' | 'topic'};

export function addVerify(program: Command, command: CommandContext): void {
  const {output, end} = command;
  program
    .command('verify')
    .description(
      'compare every order, counter, report and key in Redis with MySQL (MYSQL_URL), or with a replay of the topic. ' +
        'Both may change meanwhile. Changes nothing without --repair. Exits with code 3 if they differ',
    )
    .addOption(
      new Option(
        '--against <source>',
        'mysql; or topic, which is replayed into the staging database (REDIS_STAGING_DATABASE) as by `rebuild`. ' +
          'The replayed content is discarded after the comparison',
      )
        .choices(['mysql', 'topic'])
        .default('mysql'),
    )
    .option(
      '--repair',
      'set each value that differs to the value of MySQL, then compare again. Workers pause for short times. ' +
        'The connector must be running: this is checked if CONNECT_URL is set, otherwise check it yourself',
      false,
    )
    .option(
      '--remove-malformed',
      'with --repair: also remove malformed keys such as `order:x`. No other program may use such names',
      false,
    )
    .option(
      '--connector-file <path>',
      'with --repair: file of the connector that must be running (default: the connector that follows from the settings)',
    )
    .option(
      '--sample <orders>',
      'compare only this number of random orders, without counters and other keys',
      wholeNumber,
    )
    .option(
      '--restart',
      'with --against topic: discard the data of an unfinished rebuild in the staging database',
      false,
    )
    .option('--limit <rows>', 'maximum number of differences to print', wholeNumber, 100)
    .option(
      '--wait <seconds>',
      'how long differences may take to settle while records are applied; at least 10',
      waitSeconds,
      60,
    )
    .option('--json', 'print JSON', false)
    .action(async (options: Options) => {
      requireMeaning(options);
      if (options.against === 'topic') {
        const config = settingsOf(command, ['brokers', 'redisUrl']);
        end(await verifyAgainstTopic(options, {config, output}));
      } else {
        const config = settingsOf(command, ['brokers', 'redisUrl', 'mysqlUrl']);
        end(await verifyAgainstMysql(options, {config, output}));
      }
    });
}

/** Throws `usage` for options that cannot be combined. */
function requireMeaning({against, repair, removeMalformed, sample, restart}: Options): void {
  if (against === 'mysql') {
    if (restart) throw new ProjectorError('usage', '--restart requires --against topic');
    if (removeMalformed && !repair) throw new ProjectorError('usage', '--remove-malformed requires --repair');
    return;
  }
  if (repair || removeMalformed) {
    throw new ProjectorError(
      'usage',
      'a repair requires the rows of MySQL: use --repair without --against topic, or `projector rebuild`, which rebuilds Redis from the topic',
    );
  }
  if (sample !== undefined)
    throw new ProjectorError(
      'usage',
      '--against topic always replays the whole topic, so --sample has no use: omit it',
    );
}

function wholeNumber(value: string): number {
  if (!/^[1-9]\d{0,6}$/.test(value))
    throw new InvalidArgumentError('must be a whole number from 1 to 9999999.');
  return Number(value);
}

/** A difference is certain only after it has stood unchanged for 5 s. With less than 10 s, most differences would stay open. */
function waitSeconds(value: string): number {
  const seconds = wholeNumber(value);
  if (seconds < 10) throw new InvalidArgumentError('must be at least 10.');
  return seconds;
}
