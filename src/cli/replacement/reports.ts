/** `projector rebuild --reports`: computes counters and reports again from the orders in Redis, in the layout `partitioned`. */
import {randomUUID} from 'node:crypto';
import {Fences} from '../../apply/fences.js';
import {KafkaTopic} from '../../clients/kafka/admin.js';
import {RedisClient} from '../../clients/redis/client.js';
import {kafkaSettings, redisSettings} from '../../config/clientOptions.js';
import type {ConfigWith} from '../../config/config.js';
import {whileFenced} from '../../operations/rebuild/heldFences.js';
import {computeReports} from '../../operations/rebuild/reports.js';
import {keySpace} from '../../redis-model/keys.js';
import {StoredPositions} from '../../redis-model/storedPositions.js';
import {counted} from '../../runtime/counted.js';
import {EXIT} from '../../runtime/errorPolicy.js';
import {ProjectorError} from '../../runtime/errors.js';
import {systemClock} from '../../runtime/lifecycle.js';
import {checkReadModel, layoutText} from '../preflight.js';
import {interruptible} from '../terminal/interruption.js';
import {newProgressLine} from '../terminal/progressLine.js';
import type {ReplaceContext} from './replaceCommand.js';
import {newLock} from './staging.js';

export async function rebuildReports({config, output}: ReplaceContext): Promise<number> {
  if (config.redisLayout === 'single')
    throw new ProjectorError(
      'usage',
      '--reports needs REDIS_LAYOUT=partitioned: in the layout `single`, `projector verify --repair` repairs counters and reports',
    );
  const redis = new RedisClient(redisSettings(config));
  const topic = new KafkaTopic(kafkaSettings(config), config.topic);
  const line = newProgressLine(output);
  try {
    const {partitions} = await checkReadModel(config, {redis, topic});
    return await interruptible(line, async (signal) => {
      const beganMs = systemClock.nowMs();
      const lock = newLock(redis, {id: randomUUID().slice(0, 8), command: 'reports'}, config);
      const orders = await lock.during(signal, async (held) => {
        const parts = {
          config,
          redis,
          partitions,
          lockText: lock.text,
          progress: (text: string) => line.show(text),
        };
        return await reportsComputed(parts, held);
      });
      line.clear();
      const seconds = ((systemClock.nowMs() - beganMs) / 1_000).toFixed(1);
      output.line(`computed counters and reports from ${counted(orders, 'order')} in ${seconds} s`);
      return EXIT.ok;
    });
  } finally {
    redis.close();
    await topic.close();
  }
}

export interface ReportsParts {
  readonly config: ConfigWith<'brokers' | 'redisUrl'>;
  readonly redis: RedisClient;
  readonly partitions: number;
  readonly lockText: string;
  readonly progress: (text: string) => void;
}

/** Computes counters and reports while this process holds the lock and its fences stand. Resolves with the number of orders. */
export async function reportsComputed(
  {config, redis, partitions, lockText, progress}: ReportsParts,
  signal: AbortSignal,
): Promise<number> {
  const keys = keySpace(config.redisLayout, config.keyPrefix);
  const id = randomUUID().slice(0, 8);
  const fences = new Fences(redis, {
    lockKey: keys.shared.rebuildLock,
    lockText,
    holder: id,
    positionKeys: new StoredPositions(redis, config.topic, keys).keys(partitions),
    isPartitioned: true,
  });
  const show = (looked: number): void => progress(`${counted(looked, 'key')} of orders read; workers wait`);
  const deps = {redis, keys, layout: layoutText(config, partitions), lockText, id, progress: show};
  return await whileFenced(
    fences,
    {clock: systemClock, signal},
    async (held) => await computeReports(deps, held),
  );
}
