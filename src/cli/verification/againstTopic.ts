/**
 * `projector verify --against topic`: compares Redis with a replay of the topic in the staging database.
 *
 * It does not connect to MySQL.
 */
import {randomUUID} from 'node:crypto';
import {KafkaTopic} from '../../clients/kafka/admin.js';
import {RedisClient} from '../../clients/redis/client.js';
import {kafkaSettings, redisSettings} from '../../config/clientOptions.js';
import type {ConfigWith} from '../../config/config.js';
import {requireSingleLayout} from '../keyLayout.js';
import {keysWithPrefix} from '../../redis-model/keys.js';
import {systemClock} from '../../runtime/lifecycle.js';
import {startEmpty} from '../../operations/rebuild/initialLoad.js';
import {grouped} from '../../operations/rebuild/progress.js';
import {withReference, type ReferenceEvent} from '../../operations/rebuild/reference.js';
import {StagingDatabase} from '../../operations/rebuild/stagingDatabase.js';
import {TopicSide} from '../../operations/verify/topicSide.js';
import {retryingRedis} from '../../operations/verify/retry.js';
import {compared, newRetry, printVerdict, type PrintOptions} from './comparison.js';
import {followLog} from '../../operations/rebuild/followTopic.js';
import {interruptible} from '../terminal/interruption.js';
import type {Output} from '../terminal/output.js';
import {newProgressLine, type ProgressLine} from '../terminal/progressLine.js';
import {newReadModel, checkTopic} from '../preflight.js';
import {loadModel, newLock, requireWholeTopic, stagingUrl} from '../replacement/staging.js';
import {counted} from '../../runtime/counted.js';

export interface VerifyTopicOptions extends PrintOptions {
  /** Whether the data of an unfinished rebuild in the staging database may be discarded. */
  readonly restart: boolean;
}

interface Context {
  readonly config: ConfigWith<'brokers' | 'redisUrl'>;
  readonly output: Output;
}

interface Servers {
  readonly live: RedisClient;
  readonly staging: RedisClient;
  readonly topic: KafkaTopic;
}

export async function verifyAgainstTopic(
  options: VerifyTopicOptions,
  {config, output}: Context,
): Promise<number> {
  requireSingleLayout(config, 'verify --against topic');
  const staging = new RedisClient(redisSettings(config, stagingUrl(config)));
  const live = new RedisClient(redisSettings(config));
  const topic = new KafkaTopic(kafkaSettings(config), config.topic);
  const servers = {live, staging, topic};
  try {
    const partitions = await reached(servers, config);
    const line = newProgressLine(output);
    return await interruptible(line, async (signal) => {
      const parts = {...servers, config, partitions, line, signal};
      return printVerdict(await replayedAndCompared(parts, options), 'topic', {options, output, line});
    });
  } finally {
    live.close();
    staging.close();
    await topic.close();
  }
}

/** Runs the preflight checks of topic and both databases. Resolves with the number of partitions. */
async function reached({live, staging, topic}: Servers, config: Context['config']): Promise<number> {
  const partitions = await checkTopic(config, topic);
  await requireWholeTopic(topic, 'use `projector verify`, which compares with MySQL');
  for (const redis of [live, staging]) {
    await redis.connect();
    await redis.requireSuitable();
  }
  await newReadModel(config, live, {partitions}).requireLayout();
  await newReadModel(config, staging, {partitions}).requireRights(partitions);
  return partitions;
}

async function replayedAndCompared(
  parts: Servers & {config: Context['config']; partitions: number; line: ProgressLine; signal: AbortSignal},
  {wait, restart}: VerifyTopicOptions,
): Promise<Awaited<ReturnType<typeof compared>>> {
  const {live, staging, topic, config, partitions, line, signal} = parts;
  const {keyPrefix: prefix} = config;
  const id = randomUUID().slice(0, 8);
  const model = newReadModel(config, staging, {partitions, runId: id});
  const base = {model: loadModel(model, staging, prefix), clock: systemClock, id};
  const deps = {
    lock: newLock(live, {id, command: 'verify'}, config),
    staging: new StagingDatabase(staging, prefix),
    id,
    mayDiscard: restart,
    load: async () => await startEmpty({...base, ranges: async () => await topic.ranges()}),
    follow: () =>
      followLog({
        config: {...config, quarantineMax: 0},
        model,
        partitions,
        topic,
        id,
        say: (text) => line.note(text),
        show: (text, head) => line.show(text, head),
      }),
    notify: (event: ReferenceEvent) => line.note(eventLine(event, staging.address)),
  };
  return await withReference(deps, signal, async (follower, held) => {
    const retry = newRetry(line, held);
    const expected = new TopicSide(retryingRedis(staging, retry), keysWithPrefix(prefix));
    const comparison = {config, redis: live, topic, expected, follower: staging, retry, line};
    const requireRunning = (): void => follower.requireRunning();
    // The expected side is a replay of the topic. Its positions are compared with the ends, so there is nothing else to wait for.
    const visible = async (): Promise<void> => await Promise.resolve();
    return await compared(
      {...comparison, visible, sample: null, repair: null, signal: held, requireRunning},
      wait,
    );
  });
}

function eventLine(event: ReferenceEvent, address: string): string {
  switch (event.kind) {
    case 'caught-up':
      return `caught up with the topic: ${counted(grouped(event.reached.doneRecords), 'record')} in ${address}`;
    case 'removed':
      return `the replayed content was removed: ${counted(grouped(BigInt(event.keys)), 'key')}`;
    case 'left':
      return `the replayed content remains in ${address} (${event.reason}); the next rebuild or comparison removes it`;
  }
}
