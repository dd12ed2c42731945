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
      'compare Redis with MySQL (MYSQL_URL), or with a replay of the log, while both change: every order, counter, report and key. ' +
        'Exit 3 when they differ',
    )
    .addOption(
      new Option(
        '--against <source>',
        'mysql; or log, which is replayed into the spare database (REDIS_STAGING_DATABASE) as by `rebuild`, and thrown away behind that',
      )
        .choices(['mysql', 'topic'])
        .default('mysql'),
    )
    .option(
      '--repair',
      'mend exactly what differs from MySQL, then compare again; workers stand still for moments. The connector must run: ' +
        'with CONNECT_URL it is asked, else look yourself',
      false,
    )
    .option(
      '--remove-malformed',
      'a repair may also remove keys such as `order:x`: nobody else uses these names',
      false,
    )
    .option('--connector-file <path>', 'the connector of a repair (default: connectors/orders.json)')
    .option('--sample <orders>', 'a quick look at so many orders', wholeNumber)
    .option(
      '--restart',
      'against log: throw away what an unfinished rebuild has left in the spare database',
      false,
    )
    .option('--limit <rows>', 'differences to print', wholeNumber, 100)
    .option('--wait <seconds>', 'how long to wait for what is under way; at least 10', waitSeconds, 60)
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
    if (restart) throw new ProjectorError('usage', '--restart goes with --against topic');
    return;
  }
  if (repair || removeMalformed) {
    throw new ProjectorError(
      'usage',
      'a repair goes by the rows of MySQL: use --repair without --against topic, or `projector rebuild`, which makes Redis anew from the log',
    );
  }
  if (sample !== undefined)
    throw new ProjectorError(
      'usage',
      '--against topic replays the whole log, so --sample saves nothing: leave it out',
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
