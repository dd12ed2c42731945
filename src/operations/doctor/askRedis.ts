/** Asks Redis for its state, the rights of this user, and the read model. */
import {MERGE_RIGHTS_SCRIPT} from '../../apply/mergeScript.js';
import {RIGHTS_SCRIPT} from '../../apply/script.js';
import {RedisClient} from '../../clients/redis/client.js';
import {withDatabase} from '../../clients/redis/redisUrl.js';
import {redisSettings} from '../../config/clientOptions.js';
import type {ConfigWith} from '../../config/config.js';
import {keySpace, type KeySpace} from '../../redis-model/keys.js';
import {StoredPositions} from '../../redis-model/storedPositions.js';
import type {Questions} from './asking.js';
import {both, type Answer} from './check.js';

export interface RedisAnswers {
  readonly info: Answer<ReadonlyMap<string, string>>;
  /** The answer of the rights script. An error if a right is missing. */
  readonly rights: Answer<unknown>;
  /** The setting `save`: when the server writes dumps. Undefined if this user has no right to read it. */
  readonly dumps: Answer<string | undefined>;
  /** The stored layout, or null if there is none. */
  readonly layout: Answer<string | null>;
  /** The position text of each partition, by its number. It is '' if there is none. */
  readonly positions: Answer<readonly string[]>;
  /** How many records are in quarantine. */
  readonly quarantine: Answer<number>;
  /** The mark of the staging database, or null if there is none. An error if this user cannot read that database. */
  readonly staging: Answer<string | null>;
}

const REDIS = {what: 'Redis', kind: 'redis-unreachable'} as const;

/** Without the number of `partitions` of the topic, it is unknown which positions should exist. They are skipped then. */
export async function askRedis(
  config: ConfigWith<'redisUrl'>,
  questions: Questions,
  {limitMs, partitions}: {limitMs: number; partitions: Promise<Answer<number>>},
): Promise<RedisAnswers> {
  const {redisUrl: url, topic} = config;
  const timeoutMs = Math.min(config.redisTimeoutMs, limitMs);
  const redis = new RedisClient({...redisSettings(config), timeoutMs});
  const stagingRedis = new RedisClient({
    ...redisSettings(config, withDatabase(url, config.stagingDatabase)),
    timeoutMs,
  });
  const isPartitioned = config.redisLayout === 'partitioned';
  const keys = keySpace(config.redisLayout, config.keyPrefix);
  const positions = new StoredPositions(redis, topic, keys);
  try {
    const info = await questions.ask(REDIS, async () => {
      await redis.connect();
      return await redis.info();
    });
    const ask = async <T>(question: () => Promise<T>): Promise<Answer<T>> =>
      await questions.after(info, REDIS, question);
    const [rights, dumps, layout, quarantine, staging, stored] = await Promise.all([
      ask(async () => await askRights(redis, {key: positions.key(0), keys, isPartitioned})),
      ask(async () => await redis.setting('save', positions.key(0))),
      ask(async () => await storedLayout(redis, keys)),
      partitions.then(
        async (count) =>
          await questions.after(
            both(info, count),
            REDIS,
            async ([, value]) => await quarantined(redis, keys, value),
          ),
      ),
      ask(async () => {
        if (isPartitioned) return null;
        await stagingRedis.connect();
        return (await stagingRedis.getAll([keys.shared.stagingMark]))[0] ?? null;
      }),
      partitions.then(
        async (count) =>
          await questions.after(
            both(info, count),
            REDIS,
            async ([, value]) =>
              await positions.read(Array.from({length: value}, (_, partition) => partition)),
          ),
      ),
    ]);
    return {info, rights, dumps, layout, quarantine, staging, positions: stored};
  } finally {
    redis.close();
    stagingRedis.close();
  }
}

async function askRights(
  redis: RedisClient,
  {key, keys, isPartitioned}: {key: string; keys: KeySpace; isPartitioned: boolean},
): Promise<unknown> {
  const answer = await redis.run(RIGHTS_SCRIPT, key, [keys.prefixOf(0), isPartitioned ? 'outbox' : '']);
  if (!isPartitioned) return answer;
  return await redis.run(MERGE_RIGHTS_SCRIPT, keys.shared.merged, [keys.sharedPrefix]);
}

/** The first chunk of a partition writes it, and so does the first merge. */
async function storedLayout(redis: RedisClient, keys: KeySpace): Promise<string | null> {
  const texts = await redis.getAll([...new Set([keys.shared.layout, keys.partition(0).layout])]);
  return texts.find((text) => text !== null) ?? null;
}

async function quarantined(redis: RedisClient, keys: KeySpace, partitions: number): Promise<number> {
  const names = new Set(Array.from({length: partitions}, (_, each) => keys.partition(each).quarantine));
  const lists = await Promise.all([...names].map(async (name) => await redis.hashFields(name)));
  return lists.reduce((sum, list) => sum + list.length, 0);
}
