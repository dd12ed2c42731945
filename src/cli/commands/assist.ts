/**
 * `projector rebuild --assist`: runs one more worker for a rebuild in another process.
 *
 * It helps if the rebuild is limited by one processor core. Kafka assigns the partitions to both workers. Only the other process
 * performs the cutover.
 */
import {KafkaTopic} from '../../clients/kafka/admin.js';
import {databaseOf, RedisClient, withDatabase} from '../../clients/redis/client.js';
import {kafkaSettings, redisSettings} from '../../config/clientOptions.js';
import type {ConfigWith} from '../../config/config.js';
import {EXIT} from '../../runtime/errorPolicy.js';
import {ProjectorError} from '../../runtime/errors.js';
import {keysWithPrefix} from '../../redis-model/keys.js';
import {systemClock} from '../../runtime/lifecycle.js';
import {parseLockText} from '../../operations/rebuild/lock.js';
import {followLog} from '../../operations/rebuild/followTopic.js';
import {interruptible} from '../terminal/interruption.js';
import type {Output} from '../terminal/output.js';
import {newProgressLine} from '../terminal/progressLine.js';
import {newReadModel, reachTopic} from '../preflight.js';

export interface AssistContext {
  readonly config: ConfigWith<'brokers' | 'redisUrl'>;
  readonly output: Output;
}

/**
 * How often this process checks whether the rebuild still runs. It is well below the time after which a fence expires (10 s), because
 * this process must stop soon after the cutover.
 */
const LOOK_MS = 200;

/** Resolves when the rebuild has ended or has performed its cutover. `setAside` must be the same as in the other process. */
export async function assist(
  {setAside}: {readonly setAside: boolean},
  {config, output}: AssistContext,
): Promise<number> {
  const {redisUrl, spareDatabase} = config;
  const live = new RedisClient(redisSettings(config));
  const spare = new RedisClient(redisSettings(config, withDatabase(redisUrl, spareDatabase)));
  const topic = new KafkaTopic(kafkaSettings(config), config.topic);
  try {
    const partitions = await reachTopic(config, topic);
    for (const redis of [live, spare]) await redis.connect();
    return await interruptible(newProgressLine(output), async (signal) => {
      const run = await begun({live, spare, config, signal});
      output.note(`helping ${run.lockText}`);
      const model = newReadModel(config, spare, {partitions, isBeingMade: true});
      const quarantineMax = setAside ? config.quarantineMax : 0;
      const follower = followLog({
        config: {...config, quarantineMax},
        model,
        partitions,
        topic,
        id: run.id,
        say: (text) => output.note(text),
        show: () => undefined,
      });
      try {
        while (await isOn(run, {live, spare, config})) {
          signal.throwIfAborted();
          follower.requireRunning();
          await systemClock.sleep(LOOK_MS, signal);
        }
      } finally {
        await follower.stop();
      }
      output.note('the rebuild needs no help any more');
      return EXIT.ok;
    });
  } finally {
    live.close();
    spare.close();
    await topic.close();
  }
}

interface Run {
  readonly id: string;
  readonly mark: string;
  readonly lockText: string;
}

interface Place {
  readonly live: RedisClient;
  readonly spare: RedisClient;
  readonly config: AssistContext['config'];
}

/**
 * Waits until a rebuild has completed its initial load. From then on, the mark in the staging database is the command in the lock.
 * Rejects with `usage` if there is no such rebuild within START_TIMEOUT_MS.
 */
async function begun({signal, ...place}: Place & {signal: AbortSignal}): Promise<Run> {
  const {startTimeoutMs, redisUrl} = place.config;
  const lastMs = systemClock.nowMs() + startTimeoutMs;
  for (;;) {
    signal.throwIfAborted();
    const {lockText, mark} = await read(place);
    const lock = parseLockText(lockText);
    if (lock !== undefined && lock.command === mark) return {id: lock.id, mark, lockText};
    if (systemClock.nowMs() >= lastMs) {
      throw new ProjectorError('usage', `no rebuild runs on database ${databaseOf(redisUrl)} of this Redis`);
    }
    await systemClock.sleep(LOOK_MS, signal);
  }
}

async function isOn(run: Run, place: Place): Promise<boolean> {
  const {lockText, mark} = await read(place);
  return lockText === run.lockText && mark === run.mark;
}

async function read({live, spare, config}: Place): Promise<{lockText: string; mark: string}> {
  const {rebuildLock, spareMark} = keysWithPrefix(config.keyPrefix);
  const [lockText] = await live.getAll([rebuildLock]);
  const [mark] = await spare.getAll([spareMark]);
  return {lockText: lockText ?? '', mark: mark ?? ''};
}
