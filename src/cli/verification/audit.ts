/** Connects the audit (operations/verify/audit/) with its servers. It logs like a worker. */
import {randomInt, randomUUID} from 'node:crypto';
import {hostname} from 'node:os';
import type {Logger} from 'pino';
import {KafkaTopic} from '../../clients/kafka/admin.js';
import {MysqlClient} from '../../clients/mysql.js';
import {RedisClient} from '../../clients/redis/client.js';
import {kafkaSettings, mysqlSettings, redisSettings} from '../../config/clientOptions.js';
import type {ConfigWith} from '../../config/config.js';
import {sourceSchema} from '../../config/readConfig.js';
import {createLogger} from '../../observe/logger.js';
import {audit, type PassOptions} from '../../operations/verify/audit/audit.js';
import {AuditRecord} from '../../operations/verify/audit/auditRecord.js';
import {untilCaughtUp} from '../../operations/verify/audit/caughtUp.js';
import {Pace} from '../../operations/verify/audit/pace.js';
import {auditPass, type PassDeps} from '../../operations/verify/audit/pass.js';
import {lockTextOf, RebuildLock} from '../../operations/rebuild/lock.js';
import {MysqlSide} from '../../operations/verify/mysqlSide.js';
import {ReadRetry, retryingMysql, retryingRedis} from '../../operations/verify/retry.js';
import {Sides} from '../../operations/verify/sides.js';
import {
  auditKeys,
  remaining,
  undecided,
  type AuditCounts,
  type AuditPass,
  type AuditProgress,
} from '../../redis-model/audit.js';
import {keySpace} from '../../redis-model/keys.js';
import {MergedOffsets} from '../../redis-model/mergedOffsets.js';
import {StoredPositions} from '../../redis-model/storedPositions.js';
import {EXIT} from '../../runtime/errorPolicy.js';
import {ProjectorError} from '../../runtime/errors.js';
import {limitHeapGrowth} from '../../runtime/heap.js';
import {onAbort, systemClock, untilAborted} from '../../runtime/lifecycle.js';
import {Passage} from '../../upstream/passage.js';
import {readSourceTables, type SourceTables} from '../../upstream/sourceTables.js';
import {checkReadModel, checkTopic, newReadModel, type Reached} from '../preflight.js';
import {fatal, processEvents} from '../service.js';
import {warnOfSilentChanges} from '../silentChanges.js';
import {untilReachable} from '../start.js';
import {endsOf, mysqlVisible} from '../visibility.js';
import {differenceLog, logAudit} from './auditLog.js';
import {SILENT_MS, STILL_MS, SUSPECTS_MAX} from './comparison.js';
import {orderPlaces} from './orderPlaces.js';
import {withRepair, type RepairParts} from './repair.js';

export interface AuditOptions {
  /** The time between the starts of two passes, in ms. Null for one pass. */
  readonly everyMs: number | null;
  /** Infinity for no limit. */
  readonly rowsPerSecond: number;
  readonly isRepairing: boolean;
}

type AuditConfig = ConfigWith<'brokers' | 'redisUrl' | 'mysqlUrl'>;

/** Differences that are not certain after this time stay open until the next pass. */
const WAIT_MS = 60_000;
/** With a limited rate, Redis is asked for so few orders at a time that its other clients need not wait. */
const PAGE_ORDERS = 100;
/** With a limited rate, MySQL and Redis have this much more time for other work than a look at suspects takes. */
const PAUSE_FACTOR = 19;

/** Resolves with the exit code. */
export async function runAudit(config: AuditConfig, options: AuditOptions): Promise<number> {
  limitHeapGrowth();
  const logger = createLogger(config.logLevel, {group: config.groupId, topic: config.topic});
  const stopping = new AbortController();
  const events = processEvents(() => stopping.abort(), logger);
  const redis = new RedisClient(redisSettings(config));
  const topic = new KafkaTopic(kafkaSettings(config), config.topic);
  const mysql = new MysqlClient(mysqlSettings(config, config.mysqlUrl));
  try {
    const servers = {config, redis, topic, mysql, logger};
    const begun = untilReachable(
      {
        clock: systemClock,
        timeoutMs: config.startTimeoutMs,
        notify: ({kind, detail}) => logger.warn({kind}, `waiting: ${detail}`),
      },
      async () => await reachedServers(servers, options),
    );
    const reached = await Promise.race([begun, untilAborted(stopping.signal)]);
    if (reached === undefined) return EXIT.ok;
    // A query over whole tables can take minutes. Closing the connection ends it.
    onAbort(stopping.signal, () => mysql.close());
    const {everyMs, isRepairing} = options;
    logger.info({redis: redis.address, mysql: mysql.address, everyMs, isRepairing}, 'audit starts');
    const result = await runPasses({...servers, ...reached}, options, stopping.signal);
    logger.info({}, 'audit stopped');
    return exitCodeOf(result, options);
  } catch (error) {
    return fatal(error, logger);
  } finally {
    events.remove();
    redis.close();
    mysql.close();
    await topic.close();
  }
}

/** A single pass ends with the code that `verify` would have. A service ends only because of a signal, as a worker does. */
function exitCodeOf(result: AuditPass | undefined, {everyMs}: AuditOptions): number {
  if (result === undefined) return everyMs === null ? EXIT.terminated : EXIT.ok;
  if (remaining(result) > 0) return EXIT.differences;
  return undecided(result) > 0 ? EXIT.unreachable : EXIT.ok;
}

interface Servers {
  readonly config: AuditConfig;
  readonly redis: RedisClient;
  readonly topic: KafkaTopic;
  readonly mysql: MysqlClient;
  readonly logger: Logger;
}

async function reachedServers(
  {config, redis, topic, mysql}: Servers,
  {isRepairing}: AuditOptions,
): Promise<Reached> {
  if (!mysql.isConnected) await mysql.connect();
  await readSourceTables(mysql, sourceSchema(config));
  if (isRepairing) return await checkReadModel(config, {redis, topic});
  const partitions = await checkTopic(config, topic);
  await redis.connect();
  await redis.requireSuitable();
  const model = newReadModel(config, redis, {partitions});
  await model.requireLayout();
  return {model, partitions};
}

async function runPasses(
  servers: Servers & Reached,
  {everyMs, rowsPerSecond, isRepairing}: AuditOptions,
  signal: AbortSignal,
): Promise<AuditPass | undefined> {
  const {config, redis, mysql, logger} = servers;
  const keys = auditKeys(keySpace(config.redisLayout, config.keyPrefix), servers.partitions);
  const sumsBefore = new Map<string, string>();
  // A single pass is no service: a TRUNCATE that arrives during it would not be repaired, so its lease has another name (apply.lua).
  const command = everyMs === null ? 'audit-once' : isRepairing ? 'audit-repair' : 'audit';
  const here = {host: hostname(), pid: process.pid, sinceMs: systemClock.nowMs()};
  await warnOfSilentChanges(mysql, sourceSchema(config), (text) => logger.warn({}, text));
  return await audit(
    {
      everyMs,
      isRepairing,
      clock: systemClock,
      newLease: () => {
        const text = lockTextOf({id: randomUUID().slice(0, 8), command}, here);
        return new RebuildLock(redis, {
          key: keys.auditLease,
          text,
          clock: systemClock,
          name: 'lease of the audit',
          copies: keys.leaseCopies,
        });
      },
      record: new AuditRecord(redis, keys),
      pass: async (from, options) =>
        await pass({...servers, rowsPerSecond, isRepairing, sumsBefore}, from, options),
      notify: (event) => logAudit(logger, event, isRepairing),
    },
    signal,
  );
}

/** Runs one pass. The tables are read again, because their columns may have changed since the last one. */
async function pass(
  servers: Servers &
    Reached &
    Pick<AuditOptions, 'rowsPerSecond' | 'isRepairing'> &
    Pick<PassDeps, 'sumsBefore'>,
  from: AuditProgress,
  {signal, save}: PassOptions,
): Promise<AuditCounts> {
  const {config, redis, topic, mysql, logger, rowsPerSecond} = servers;
  const warn = (text: string): void => logger.warn({}, text);
  const retry = new ReadRetry({clock: systemClock, silentMs: SILENT_MS, signal, notify: warn});
  const patient = retryingMysql(mysql, retry);
  const tables = await readSourceTables(patient, sourceSchema(config));
  const positions = new StoredPositions(
    retryingRedis(redis, retry),
    config.topic,
    keySpace(config.redisLayout, config.keyPrefix),
  );
  const ranges = async (): ReturnType<KafkaTopic['ranges']> =>
    await retry.ask(async () => await topic.ranges());
  const recordsBefore: KafkaTopic['recordsBefore'] = async (partition, end) =>
    await retry.ask(async () => await topic.recordsBefore(partition, end));
  const visible = mysqlVisible({topic, mysql}, warn);
  const {clock} = retry;
  const caughtUp: PassDeps['caughtUp'] = async (held, isExact) =>
    await untilCaughtUp({ranges, positions, clock, isExact}, held);
  const pace = new Pace(systemClock, rowsPerSecond);
  const places = await orderPlaces(config, {topic: {ranges, recordsBefore}, tables});
  return await auditPass(
    {
      sides: new Sides({
        expected: new MysqlSide(patient, tables, pace.isLimited ? PAGE_ORDERS : undefined),
        redis: retryingRedis(redis, retry),
        prefix: config.keyPrefix,
        places,
      }),
      settle: {
        ranges,
        positions:
          places === undefined
            ? [positions]
            : [positions, new MergedOffsets(retryingRedis(redis, retry), places.keys.shared.merged)],
        visible: async (ends) => await retry.ask(async () => await visible(ends, signal)),
        upstream: new Passage({mysql: patient, recordsBefore}),
        clock,
        stillMs: STILL_MS,
        waitMs: WAIT_MS,
        pauseFactor: pace.isLimited ? PAUSE_FACTOR : 1,
      },
      repair: repairOf(servers, {tables, places, visible, signal}),
      pace,
      clock,
      caughtUp,
      save,
      notify: differenceLog(logger),
      sumsBefore: servers.sumsBefore,
      suspectsMax: SUSPECTS_MAX,
      seed: randomInt(2 ** 31),
    },
    from,
    signal,
  );
}

/**
 * A repair takes the lock of rebuilds only while it works. It need not check the connector: a difference is certain only after the topic
 * contains what MySQL showed.
 */
function repairOf(
  {isRepairing, ...servers}: Servers & Reached & Pick<AuditOptions, 'isRepairing'>,
  {
    tables,
    places,
    visible,
    signal,
  }: Pick<RepairParts, 'tables' | 'places' | 'signal'> & {visible: ReturnType<typeof mysqlVisible>},
): PassDeps['repair'] {
  if (!isRepairing) return null;
  const {topic} = servers;
  const parts = {
    ...servers,
    tables,
    places,
    requireUpstream: async () => await Promise.resolve(),
    visible: async () => await visible(await endsOf(topic), signal),
    signal,
  };
  return async (work) => {
    await requireSameTables(servers, tables);
    await withRepair(parts, {removeMalformed: false}, async (repairs) => await work(repairs));
  };
}

/**
 * Rejects with `repair-refused` if a schema change has added or removed mapped columns since this pass began. Its differences may then come
 * from the columns that it did not read. The pass continues with the new columns.
 */
async function requireSameTables(
  {config, mysql}: Pick<Servers, 'config' | 'mysql'>,
  {columns, kinds}: SourceTables,
): Promise<void> {
  const now = await readSourceTables(mysql, sourceSchema(config));
  if (JSON.stringify([now.columns, now.kinds]) === JSON.stringify([columns, kinds])) return;
  throw new ProjectorError('repair-refused', 'the columns of the tables have changed during this pass');
}
