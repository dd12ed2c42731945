/** `projector run`: runs a worker until a signal stops it or a permanent error halts it. */
import {hostname} from 'node:os';
import type {Command} from 'commander';
import {WORKER_SETTINGS} from '../../config/settings.js';
import {settingsOf, type CommandContext} from '../context.js';
import {ConnectClient} from '../../clients/connect.js';
import {KafkaTopic} from '../../clients/kafka/admin.js';
import {GroupMembers} from '../../clients/kafka/members.js';
import {KafkaLog} from '../../clients/kafka/topicLog.js';
import {RedisClient} from '../../clients/redis/client.js';
import {kafkaSettings, redisSettings} from '../../config/clientOptions.js';
import type {ConfigWith} from '../../config/config.js';
import {sourceSchema} from '../../config/readConfig.js';
import {unknownVariables} from '../../config/unknownVariables.js';
import {Decoder} from '../../decode/decode.js';
import {partitionOfKey} from '../../decode/partitioner.js';
import {unreachable} from '../../runtime/assert.js';
import {EXIT} from '../../runtime/errorPolicy.js';
import {asProjectorError, type ProjectorError} from '../../runtime/errors.js';
import {failpoint, noFailpoint, type FailpointAction} from '../../runtime/failpoints.js';
import {limitHeapGrowth} from '../../runtime/heap.js';
import {onAbort, systemClock, untilAborted} from '../../runtime/lifecycle.js';
import type {Logger} from 'pino';
import {watchAudit} from '../../observe/auditWatch.js';
import {watchConnector} from '../../observe/connectorWatch.js';
import {History} from '../../observe/history.js';
import {HttpServer} from '../../observe/http.js';
import {createLogger, kafkaClientLog} from '../../observe/logger.js';
import {Metrics} from '../../observe/metrics.js';
import {Monitor} from '../../observe/monitor.js';
import {pageRoutes} from '../../observe/pageFiles.js';
import {routesOf} from '../../observe/routes.js';
import {traceChunks} from '../../observe/tracing.js';
import {auditKeys} from '../../redis-model/audit.js';
import {keySpace} from '../../redis-model/keys.js';
import type {AuditView, ConnectorView, WorkerView} from '../../worker/workerView.js';
import type {WorkerObserver} from '../../worker/observer.js';
import {Projector} from '../../worker/projector.js';
import {retentionWarning} from '../../upstream/connector.js';
import {pageShop} from '../pageShop.js';
import {checkReadModel, newServerCheck, type Reached} from '../preflight.js';
import {fatal, processEvents} from '../service.js';
import {untilReachable} from '../start.js';
import {version} from '../version.js';

export function addRun(program: Command, context: CommandContext): void {
  program
    .command('run')
    .description('run a worker, which applies the topic to Redis until it is stopped')
    .action(async () => {
      const config = settingsOf(context, WORKER_SETTINGS);
      context.end(await run(config, unknownVariables(context.environment())));
    });
}

/** How long the failpoint `block` blocks the event loop. */
const BLOCK_MS = 15_000;

export type RunConfig = ConfigWith<'brokers' | 'redisUrl'>;

/** Resolves with the exit code. Logs a warning for each of `unknown`, the variables that look like settings and are none. */
export async function run(config: RunConfig, unknown: readonly string[]): Promise<number> {
  limitHeapGrowth();
  const logger = createLogger(config.logLevel, {group: config.groupId, topic: config.topic});
  for (const sentence of unknown) logger.warn({}, `unknown setting: ${sentence}`);
  const redis = new RedisClient(redisSettings(config));
  const stopping = new AbortController();
  const over = new AbortController();
  const events = processEvents(() => stopping.abort(), logger);
  const {topic, groupId: group} = config;
  const monitor = new Monitor({version: version(), group, topic}, logger, () => systemClock.nowMs());
  const {hasExporterSeries} = config;
  const metrics = new Metrics({view: () => monitor.view, topic, hasExporterSeries});
  let http: HttpServer | undefined;
  try {
    const served = await serve(config, {monitor, metrics, logger, signal: over.signal});
    http = served?.server;
    if (http !== undefined) void watchUpstream(config, {monitor, logger, signal: over.signal});
    const reached = checkEverything(config, {redis, logger, monitor});
    const checked = await Promise.race([reached, untilAborted(stopping.signal)]);
    const isStopping = (): boolean => stopping.signal.aborted;
    if (checked === undefined || isStopping()) return EXIT.ok;
    const instanceId = config.instanceId ?? (served && `${hostname()}:${served.port}`);
    if (instanceId !== undefined)
      await Promise.race([removePredecessors(config, {instanceId, logger}), untilAborted(stopping.signal)]);
    if (isStopping()) return EXIT.ok;
    const projector = newProjector(config, {...checked, redis, instanceId, logger, observer: metrics});
    monitor.watch(projector);
    if (http !== undefined) void watchResults(config, {...checked, redis, monitor, signal: over.signal});
    onAbort(stopping.signal, () => projector.stop());
    logger.info({redis: redis.address, brokers: config.brokers}, 'worker starts');
    await projector.run();
    logger.info({}, 'worker stopped');
    return EXIT.ok;
  } catch (error) {
    return fatal(error, logger);
  } finally {
    over.abort();
    await http?.close();
    events.remove();
    redis.close();
  }
}

/** Serves probes, metrics and the page. It starts before the worker connects, so that a probe can report the waiting for a server. */
async function serve(
  config: RunConfig,
  {
    monitor,
    metrics,
    logger,
    signal,
  }: {monitor: Monitor; metrics: Metrics; logger: Logger; signal: AbortSignal},
): Promise<{readonly server: HttpServer; readonly port: number} | undefined> {
  const {httpHost: host, httpPort, liveTimeoutMs, redisTimeoutMs} = config;
  if (httpPort === 'off') return undefined;
  // A partition that waits for an unresponsive Redis is not stuck. Its script fails after `redisTimeoutMs`, so /livez must allow more
  // time than that.
  const stuckMsMax = Math.max(liveTimeoutMs, 2 * redisTimeoutMs);
  const view = (): WorkerView => monitor.view;
  const history = new History(view);
  const {hasShop, routes} = pageShop(config, signal);
  const server = new HttpServer({
    ...pageRoutes(),
    ...routesOf({view, metrics, history, stuckMsMax, hasShop}),
    ...routes,
  });
  const port = await server.listen(host, httpPort);
  logger.info({host, port}, 'http server listening');
  void history.keep(systemClock, signal);
  return {server, port};
}

/** Watches the connector if CONNECT_URL is set. The worker does not depend on the result: it appears in the status only. */
async function watchUpstream(
  {connectUrl, topic}: RunConfig,
  {monitor, logger: log, signal}: {monitor: Monitor; logger: Logger; signal: AbortSignal},
): Promise<void> {
  if (connectUrl === undefined) return;
  const notify = (connector: ConnectorView): void => void (monitor.connector = connector);
  const connect = new ConnectClient(connectUrl);
  await watchConnector({connect, topic, clock: systemClock, log, notify}, signal);
}

/** Reads what the audit has found, for the metrics and the status. */
async function watchResults(
  {keyPrefix, redisLayout}: RunConfig,
  {
    redis,
    monitor,
    partitions,
    signal,
  }: {redis: RedisClient; monitor: Monitor; partitions: number; signal: AbortSignal},
): Promise<void> {
  const notify = (audit: AuditView | null): void => void (monitor.audit = audit);
  await watchAudit(
    {redis, keys: auditKeys(keySpace(redisLayout, keyPrefix), partitions), clock: systemClock, notify},
    signal,
  );
}

/**
 * Runs the preflight checks, and retries them while Kafka or Redis is unreachable. Rejects if the topic or Redis would not allow a
 * worker to keep Redis equal to MySQL.
 */
async function checkEverything(
  config: RunConfig,
  {redis, logger, monitor}: {redis: RedisClient; logger: Logger; monitor: Monitor},
): Promise<Reached> {
  const notify = (error: ProjectorError): void => monitor.waiting(error);
  const topic = new KafkaTopic(kafkaSettings(config), config.topic);
  try {
    const reached = await untilReachable(
      {clock: systemClock, timeoutMs: config.startTimeoutMs, notify},
      async () => {
        const found = await checkReadModel(config, {redis, topic}, {mergesReports: true});
        // This request is part of the attempt, so that it is retried as well if Kafka becomes unreachable after the checks.
        return {...found, warning: await retentionWarning(topic)};
      },
    );
    if (reached.warning !== undefined) logger.warn({}, reached.warning);
    return reached;
  } finally {
    await topic.close();
  }
}

/**
 * Removes what a crash of this worker has left in the group. Otherwise Kafka would assign partitions only after the session timeout.
 * A failure is not an error, because the session expires anyway.
 */
async function removePredecessors(
  config: RunConfig,
  {instanceId, logger}: {instanceId: string; logger: Logger},
): Promise<void> {
  const members = new GroupMembers({...kafkaSettings(config), clientId: instanceId}, config.groupId);
  try {
    const removed = await members.evict();
    if (removed.length > 0)
      logger.info(
        {instanceId, members: removed},
        'removed the previous member of this instance from the group',
      );
  } catch (error) {
    const {detail} = asProjectorError(error);
    logger.warn(
      {instanceId, reason: detail},
      'the previous member of this instance was not removed from the group',
    );
  } finally {
    members.close();
  }
}

function newProjector(
  config: RunConfig,
  {
    model,
    partitions,
    redis,
    instanceId,
    logger,
    observer,
  }: Reached & {redis: RedisClient; instanceId: string | undefined; logger: Logger; observer: WorkerObserver},
): Projector {
  const log = new KafkaLog(
    {...kafkaSettings(config), ...config, instanceId},
    kafkaClientLog(logger),
    systemClock,
  );
  const decoder = new Decoder(sourceSchema(config));
  const {failpoint: plan} = config;
  return new Projector(
    {...config, partitions},
    {
      log,
      model,
      logger,
      observer,
      decode: (record) => decoder.decode(record),
      partitionOf: (key) => partitionOfKey(key, partitions),
      clock: systemClock,
      requireSuitable: newServerCheck(redis, systemClock),
      traceChunk: traceChunks({topic: config.topic, group: config.groupId, version: version()}),
      failpoint: plan === undefined ? noFailpoint : failpoint(plan, takeDown),
    },
  );
}

/** Carries out the action of a failpoint in this process. Failpoints are for tests only. */
function takeDown(action: FailpointAction): void {
  const failure = new Error('a failpoint was reached');
  switch (action) {
    case 'kill':
      process.kill(process.pid, 'SIGKILL');
      return;
    case 'block':
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, BLOCK_MS);
      return;
    case 'throw':
      throw failure;
    case 'uncaught':
      setImmediate(() => {
        throw failure;
      });
      return;
    default:
      unreachable(action);
  }
}
