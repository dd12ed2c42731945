/** `projector verify`: compares Redis with MySQL while both change. With `--repair` it repairs the differences. */
import {KafkaTopic} from '../../clients/kafka/admin.js';
import {MysqlClient} from '../../clients/mysql.js';
import {RedisClient} from '../../clients/redis/client.js';
import {kafkaSettings, mysqlSettings, redisSettings} from '../../config/clientOptions.js';
import type {ConfigWith} from '../../config/config.js';
import {sourceSchema} from '../../config/readConfig.js';
import {MysqlSide} from '../../operations/verify/mysqlSide.js';
import {retryingMysql} from '../../operations/verify/retry.js';
import type {Verdict} from '../../operations/verify/verify.js';
import {readSourceTables, type SourceTables} from '../../upstream/sourceTables.js';
import {compared, newRetry, printVerdict, type PrintOptions} from './comparison.js';
import {interruptible} from '../terminal/interruption.js';
import type {Output} from '../terminal/output.js';
import {newProgressLine} from '../terminal/progressLine.js';
import {newReadModel, checkTopic} from '../preflight.js';
import {warnOfSilentChanges} from '../silentChanges.js';
import {endsOf, mysqlVisible} from '../visibility.js';
import {orderPlaces} from './orderPlaces.js';
import {newUpstreamCheck, withRepair} from './repair.js';

export interface VerifyOptions extends PrintOptions {
  readonly repair: boolean;
  /** Whether a repair may remove malformed keys. */
  readonly removeMalformed: boolean;
  /** The number of random orders to compare, without counters and other keys. If it is undefined, everything is compared. */
  readonly sample: number | undefined;
  /** The file of the connector that must be running for a repair. If it is undefined, the connector that follows from the settings. */
  readonly connectorFile: string | undefined;
}

interface VerifyContext {
  readonly config: ConfigWith<'brokers' | 'redisUrl' | 'mysqlUrl'>;
  readonly output: Output;
}

export async function verifyAgainstMysql(
  options: VerifyOptions,
  {config, output}: VerifyContext,
): Promise<number> {
  const redis = new RedisClient(redisSettings(config));
  const topic = new KafkaTopic(kafkaSettings(config), config.topic);
  const mysql = new MysqlClient(mysqlSettings(config, config.mysqlUrl));
  try {
    const requireUpstream = newUpstreamCheck(options.connectorFile, config);
    if (options.repair) await requireUpstream();
    const partitions = await checkTopic(config, topic);
    await redis.connect();
    const model = newReadModel(config, redis, {partitions});
    await model.requireLayout();
    if (options.repair) await model.requireRights(partitions);
    await mysql.connect();
    await warnOfSilentChanges(mysql, sourceSchema(config), (text) => output.note(text));
    const tables = await readSourceTables(mysql, sourceSchema(config));
    const line = newProgressLine(output);
    return await interruptible(line, async (signal) => {
      if (options.repair && config.connectUrl === undefined)
        line.note(
          'CONNECT_URL is not set, so the connector is not checked: make sure that it is running, ' +
            'otherwise outstanding changes will be added to the repaired sums a second time',
        );
      const visible = mysqlVisible({topic, mysql}, (text) => line.note(text));
      const places = await orderPlaces(config, {topic, tables});
      const servers = {config, redis, topic, mysql, places};
      const compare = async (repair: ComparedWith['repair'], held: AbortSignal): Promise<Verdict> =>
        await comparedWithMysql({...servers, tables, visible, line, repair, signal: held}, options);
      const verdict = options.repair
        ? await withRepair(
            {
              ...servers,
              tables,
              model,
              partitions,
              requireUpstream,
              visible: async () => await visible(await endsOf(topic), signal),
              signal,
            },
            options,
            compare,
          )
        : await compare(null, signal);
      return printVerdict(verdict, 'MySQL', {options, output, line});
    });
  } finally {
    redis.close();
    mysql.close();
    await topic.close();
  }
}

interface ComparedWith extends Pick<
  Parameters<typeof compared>[0],
  'redis' | 'topic' | 'visible' | 'line' | 'repair' | 'signal' | 'places'
> {
  readonly config: VerifyContext['config'];
  readonly mysql: MysqlClient;
  readonly tables: SourceTables;
}

async function comparedWithMysql(
  {mysql, tables, ...parts}: ComparedWith,
  {sample: count, wait}: VerifyOptions,
): Promise<Verdict> {
  const retry = newRetry(parts.line, parts.signal);
  const expected = new MysqlSide(retryingMysql(mysql, retry), tables);
  const places = (orders: number): number[] => Array.from({length: orders}, () => Math.random());
  const sample = count === undefined ? null : () => expected.sample(places(count));
  const requireRunning = (): void => undefined;
  return await compared({...parts, expected, follower: null, retry, sample, requireRunning}, wait);
}
