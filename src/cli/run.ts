/** `projector run`: a worker until it is stopped or halts. */
import {ReadModel} from '../apply/readModel.js';
import {KafkaTopic} from '../clients/kafka.js';
import {KafkaLog, type KafkaLogSettings} from '../clients/kafkaLog.js';
import {RedisClient} from '../clients/redis.js';
import {kafkaSettings, sourceSchema, type ConfigWith} from '../config.js';
import {decodeRecord} from '../decode/decode.js';
import {ERROR_POLICY, EXIT} from '../errorPolicy.js';
import {asProjectorError, ProjectorError} from '../errors.js';
import {systemClock} from '../lifecycle.js';
import {createLogger} from '../observe/log.js';
import {Projector, type Logger} from '../projector.js';
import {requireSuitableTopic, retentionWarning} from '../upstream/connector.js';
import {untilReachable} from './start.js';

export type RunConfig = ConfigWith<'brokers' | 'redisUrl'>;

/** Resolves with the exit code. */
export async function run(config: RunConfig): Promise<number> {
  const logger = createLogger(config.logLevel, {group: config.groupId, topic: config.topic});
  const redis = new RedisClient({url: config.redisUrl, timeoutMs: config.redisTimeoutMs});
  const model = new ReadModel(redis, config.topic, {
    prefix: config.keyPrefix,
    extraColumns: (config.extraColumns ?? []).map(({name}) => name),
  });
  const log = new KafkaLog(
    logSettings(config),
    ({level, message}) => logger.debug({client: 'kafkajs', level}, message),
    systemClock,
  );
  const schema = sourceSchema(config);
  const projector = new Projector(
    {...config},
    {log, model, decode: (record) => decodeRecord(record, schema), clock: systemClock, logger},
  );

  const stopping = new AbortController();
  const signals = stopOnSignals(() => {
    stopping.abort();
    projector.stop();
  });
  try {
    const reached = reachEverything(config, {redis, model, logger});
    await Promise.race([reached, aborted(stopping.signal)]);
    if (stopping.signal.aborted) return EXIT.ok;
    logger.info({redis: redis.address, brokers: config.brokers}, 'worker starts');
    await projector.run();
    logger.info({}, 'worker stopped');
    return EXIT.ok;
  } catch (error) {
    const failure = asProjectorError(error);
    const {advice, exitCode} = ERROR_POLICY[failure.kind];
    const stack =
      failure.kind === 'internal' && failure.cause instanceof Error ? failure.cause.stack : undefined;
    logger.fatal({kind: failure.kind, exitCode, advice, stack}, failure.detail);
    return exitCode;
  } finally {
    signals.remove();
    redis.close();
  }
}

async function reachEverything(
  config: RunConfig,
  {redis, model, logger}: {redis: RedisClient; model: ReadModel; logger: Logger},
): Promise<void> {
  const tell = (error: ProjectorError): void => logger.warn({kind: error.kind}, `waiting: ${error.detail}`);
  const topic = new KafkaTopic(kafkaSettings(config), config.topic);
  try {
    await untilReachable({clock: systemClock, timeoutMs: config.startTimeoutMs, tell}, async () => {
      if ((await topic.partitionCount()) === undefined) {
        throw new ProjectorError(
          'topic-missing',
          `there is no topic ${config.topic} on ${config.brokers.join(',')}`,
        );
      }
      await requireSuitableTopic(topic);
      await redis.connect();
      await model.requireRights();
      await redis.requireNoEviction();
    });
    const warning = await retentionWarning(topic);
    if (warning !== undefined) logger.warn({}, warning);
  } finally {
    await topic.close();
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  await new Promise((resolve) => signal.addEventListener('abort', resolve, {once: true}));
}

function logSettings(config: RunConfig): KafkaLogSettings {
  return {...kafkaSettings(config), ...config};
}

/** First signal: stop gracefully. Second one: end at once; positions make that safe. */
function stopOnSignals(stop: () => void): {remove(): void} {
  let count = 0;
  const handler = (signal: NodeJS.Signals): void => {
    count++;
    if (count === 1) stop();
    else process.exit(signal === 'SIGINT' ? EXIT.interrupted : EXIT.terminated);
  };
  process.on('SIGINT', handler);
  process.on('SIGTERM', handler);
  return {
    remove: () => {
      process.off('SIGINT', handler);
      process.off('SIGTERM', handler);
    },
  };
}
