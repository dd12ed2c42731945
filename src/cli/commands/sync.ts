/** `projector sync`: recreates the read model from MySQL. */
import type {Command} from 'commander';
import {RedisClient} from '../../clients/redis/client.js';
import {redisSettings} from '../../config/clientOptions.js';
import type {ConfigWith} from '../../config/config.js';
import {ordersHeld} from '../../operations/report/report.js';
import {keySpace} from '../../redis-model/keys.js';
import {EXIT} from '../../runtime/errorPolicy.js';
import {settingsOf, type CommandContext} from '../context.js';
import {
  requireNoTarget,
  STAGING,
  targetOf,
  withReplaceOptions,
  type ReplaceOptions,
} from '../replacement/options.js';
import {ReplaceCommand, type ReplaceContext} from '../replacement/replaceCommand.js';
import {counted} from '../../runtime/counted.js';

export function addSync(program: Command, command: CommandContext): void {
  const {output, end} = command;
  withReplaceOptions(
    program
      .command('sync')
      .description(
        `rebuild the read model from MySQL (MYSQL_URL), ${STAGING}. Does nothing if Redis holds orders, unless --replace is given`,
      )
      .option('--replace', 'rebuild even if Redis holds orders', false),
  ).action(async (options: ReplaceOptions & {replace: boolean}) => {
    const config = settingsOf(command, ['brokers', 'redisUrl', 'mysqlUrl']);
    requireNoTarget(config, options);
    end(await sync(options, {config, output}));
  });
}

/** Runs `sync`. If Redis holds orders, it changes nothing unless `replace` is true. */
async function sync(
  options: ReplaceOptions & {readonly replace: boolean},
  context: ReplaceContext & {readonly config: ConfigWith<'brokers' | 'redisUrl' | 'mysqlUrl'>},
): Promise<number> {
  const {config, output} = context;
  const url = targetOf(options) ?? config.redisUrl;
  const redis = new RedisClient(redisSettings(config, url));
  try {
    await redis.connect();
    const held = await ordersHeld(redis, keySpace(config.redisLayout, config.keyPrefix).sharedPrefix);
    output.note(`${redis.address} holds ${counted(held, 'order')}`);
    if (held !== '0' && !options.replace) {
      output.note('nothing was done: use `projector sync --replace` to rebuild the read model from MySQL');
      return EXIT.ok;
    }
  } finally {
    redis.close();
  }
  return await new ReplaceCommand('sync', options, context).run();
}
