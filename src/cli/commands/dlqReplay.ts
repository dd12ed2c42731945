/** `projector dlq replay`: rebuilds the orders of quarantined records, from MySQL or from the topic. */
import type {Command} from 'commander';
import {randomUUID} from 'node:crypto';
import {KafkaTopic} from '../../clients/kafka/admin.js';
import {KafkaLog} from '../../clients/kafka/topicLog.js';
import {MysqlClient} from '../../clients/mysql.js';
import {RedisClient} from '../../clients/redis/client.js';
import {kafkaSettings, mysqlSettings, redisSettings} from '../../config/clientOptions.js';
import type {ConfigWith} from '../../config/config.js';
import {sourceSchema} from '../../config/readConfig.js';
import {Decoder} from '../../decode/decode.js';
import {partitionOfKey} from '../../decode/partitioner.js';
import {EXIT} from '../../runtime/errorPolicy.js';
import {ProjectorError} from '../../runtime/errors.js';
import {systemClock} from '../../runtime/lifecycle.js';
import {
  QuarantineEntries,
  selectEntries,
  type Selection,
  type StoredEntry,
} from '../../operations/replay/entries.js';
import {LogCursor} from '../../operations/replay/topicCursor.js';
import {replayEntries, type EntryResult} from '../../operations/replay/replay.js';
import {logSource, mysqlSource, type ReplaySource} from '../../operations/replay/source.js';
import {reportsComputed} from '../replacement/reports.js';
import {newLock} from '../replacement/staging.js';
import {printable} from '../../runtime/escapeControl.js';
import {settingsOf, type CommandContext} from '../context.js';
import {keySpace} from '../../redis-model/keys.js';
import type {Output} from '../terminal/output.js';
import {checkReadModel} from '../preflight.js';
import {readSourceTables} from '../../upstream/sourceTables.js';
import {mysqlVisible} from '../visibility.js';
import {counted} from '../../runtime/counted.js';

export function addDlqReplay(dlq: Command, command: CommandContext): void {
  const {output, end} = command;
  dlq
    .command('replay')
    .description(
      'rebuild the orders of quarantined records as of the position in Redis. The source is MySQL if MYSQL_URL is set, ' +
        'else the topic. Changes these orders and their sums, and removes the entries',
    )
    .argument('[name...]', 'topic:partition:offset, as printed by `dlq list`')
    .option(
      '--all',
      'replay all entries. Continues after an entry that cannot be replayed, and then exits with code 5',
      false,
    )
    .option('--json', 'print one JSON object per line, one for each entry', false)
    .action(async (names: string[], options: {all: boolean; json: boolean}) => {
      const config = settingsOf(command, ['brokers', 'redisUrl']);
      end(await dlqReplay({names, ...options}, {config, output}));
    });
}

export interface ReplayOptions extends Selection {
  readonly json: boolean;
}

export interface ReplayContext {
  readonly config: ConfigWith<'brokers' | 'redisUrl'>;
  readonly output: Output;
}

export const NOTHING = 'no record is quarantined';

const PROGRESS_INTERVAL_MS = 5_000;
/** This is well above the seconds that the group coordinator takes until a new member gets its partitions. */
const IDLE_TIMEOUT_MS = 30_000;

export async function dlqReplay(options: ReplayOptions, context: ReplayContext): Promise<number> {
  const {config, output} = context;
  const redis = new RedisClient(redisSettings(config));
  const topic = new KafkaTopic(kafkaSettings(config), config.topic);
  const {mysqlUrl} = config;
  const mysql = mysqlUrl === undefined ? undefined : new MysqlClient(mysqlSettings(config, mysqlUrl));
  try {
    await redis.connect();
    const entries = new QuarantineEntries(redis, keySpace(config.redisLayout, config.keyPrefix));
    const chosen = selectEntries(await entries.all(), options);
    if (chosen.length === 0) {
      output.note(NOTHING);
      return EXIT.ok;
    }
    const {model, partitions} = await checkReadModel(config, {redis, topic});
    await mysql?.connect();
    const schema = sourceSchema(config);
    const tables = mysql === undefined ? undefined : await readSourceTables(mysql, schema);
    const source =
      mysql === undefined || tables === undefined
        ? logSource()
        : mysqlSource(
            mysql,
            tables,
            mysqlVisible({topic, mysql}, (text) => output.note(text)),
          );
    output.note(
      mysql === undefined
        ? 'rebuilding orders from the start of the topic, because MYSQL_URL is not set'
        : `rebuilding orders from ${mysql.address}`,
    );
    const prepared = {...context, options, entries, model, partitions, source};
    const failed =
      config.redisLayout === 'single'
        ? await replayChosen(chosen, prepared)
        : await withReports(
            {...context, redis, partitions},
            async () => await replayChosen(chosen, prepared),
          );
    if (failed === 0) return EXIT.ok;
    throw new ProjectorError(
      'replay-impossible',
      `${counted(failed, 'entry', 'entries')} could not be replayed and stayed quarantined`,
    );
  } finally {
    redis.close();
    mysql?.close();
    await topic.close();
  }
}

/** In the layout `partitioned`, a replay does not move counters and reports (I19). So they are computed again afterwards. */
async function withReports(
  {config, output, redis, partitions}: ReplayContext & {redis: RedisClient; partitions: number},
  work: () => Promise<number>,
): Promise<number> {
  const lock = newLock(redis, {id: randomUUID().slice(0, 8), command: 'replay'}, config);
  return await lock.during(new AbortController().signal, async (held) => {
    const failed = await work();
    output.note('computing counters and reports from the orders');
    await reportsComputed({config, redis, partitions, lockText: lock.text, progress: () => undefined}, held);
    return failed;
  });
}

interface Prepared extends ReplayContext {
  readonly options: ReplayOptions;
  readonly entries: QuarantineEntries;
  readonly model: Awaited<ReturnType<typeof checkReadModel>>['model'];
  readonly partitions: number;
  readonly source: ReplaySource;
}

/** Resolves with the number of entries that were not replayed. */
async function replayChosen(
  chosen: readonly StoredEntry[],
  {config, output, options, entries, model, partitions, source}: Prepared,
): Promise<number> {
  const {topic} = config;
  const cursor = newCursor({config, output});
  let failed = 0;
  try {
    await cursor.open();
    const partitionOf = (key: Buffer): number => partitionOfKey(key, partitions);
    const deps = {topic, model, entries, cursor, source, partitionOf, clock: systemClock};
    const decoder = new Decoder(sourceSchema(config));
    await replayEntries(chosen, {...deps, decode: (record) => decoder.decode(record)}, (result) => {
      if (!result.replayed) failed++;
      output.line(options.json ? JSON.stringify(result) : lineOf(result));
    });
  } finally {
    await cursor.close();
  }
  return failed;
}

/** Creates the reader of the topic. It has a consumer group of its own, so that it causes no rebalance of the workers. */
function newCursor({config, output}: ReplayContext): LogCursor {
  const groupId = `${config.groupId}-replay-${randomUUID().slice(0, 8)}`;
  const log = new KafkaLog({...kafkaSettings(config), ...config, groupId}, () => undefined, systemClock);
  let notifiedMs = systemClock.nowMs();
  return new LogCursor(log, {
    clock: systemClock,
    topic: config.topic,
    queueBytesMax: config.queueBytesMax,
    idleTimeoutMs: IDLE_TIMEOUT_MS,
    progress: (partition, next, end) => {
      if (systemClock.nowMs() - notifiedMs < PROGRESS_INTERVAL_MS) return;
      notifiedMs = systemClock.nowMs();
      output.note(`reading ${config.topic}[${partition}]: offset ${next} of ${end}`);
    },
  });
}

function lineOf({name, orderId, replayed, reason}: EntryResult): string {
  const what = `${printable(name)}  ${orderId === null ? 'no order' : `order ${orderId}`}`;
  return replayed ? `replayed  ${what}` : `failed    ${what}: ${reason ?? ''}`;
}
