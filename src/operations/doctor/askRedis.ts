/** Asks Redis for its state, the rights of this user, and the read model. */
import {MERGE_RIGHTS_SCRIPT} from '../../apply/mergeScript.js';
import {RIGHTS_SCRIPT} from '../../apply/script.js';
import {RedisClient, type ServerInfo} from '../../clients/redis/client.js';
import {withDatabase} from '../../clients/redis/redisUrl.js';
import {redisSettings} from '../../config/clientOptions.js';
import type {ConfigWith} from '../../config/config.js';
import {keySpace, type KeySpace} from '../../redis-model/keys.js';
import {StoredPositions} from '../../redis-model/storedPositions.js';
import type {Questions} from './asking.js';
import {both, type Answer} from './check.js';

export interface RedisAnswers {
  /** One server, or all masters of a cluster. */
  readonly servers: Answer<readonly ServerInfo[]>;
  /** Undefined if there is no cluster. */
  readonly shares: Answer<ClusterShares> | undefined;
  /** The answers of the rights scripts. An error if a right is missing. */
  readonly rights: Answer<void>;
  /** The setting `save` of each node: when it writes dumps. Undefined if this user has no right to read it. */
  readonly dumps: Answer<ReadonlyMap<string, string> | undefined>;
  /** The stored layout, or null if there is none. */
  readonly layout: Answer<string | null>;
  /** The position text of each partition, by its number. It is '' if there is none. */
  readonly positions: Answer<readonly string[]>;
  /** How many records are in quarantine. */
  readonly quarantine: Answer<number>;
  /** The mark of the staging database, or null if there is none. An error if this user cannot read that database. */
  readonly staging: Answer<string | null>;
}

/** Where a cluster has the partitions and the reports. */
export interface ClusterShares {
  /** All masters that have slots. */
  readonly nodes: readonly string[];
  /** The node of each partition, by its number. */
  readonly partitions: readonly string[];
  /** The node with counters and reports. */
  readonly reports: string;
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
    const servers = await questions.ask(REDIS, async () => {
      await redis.connect();
      return await redis.serverInfos();
    });
    const ask = async <T>(question: () => Promise<T>): Promise<Answer<T>> =>
      await questions.after(servers, REDIS, question);
    const askOfPartitions = async <T>(question: (count: number) => Promise<T>): Promise<Answer<T>> =>
      await questions.after(
        both(servers, await partitions),
        REDIS,
        async ([, count]) => await question(count),
      );
    const [rights, shares, dumps, layout, quarantine, staging, stored] = await Promise.all([
      // Without the topic, it is unknown how many partitions there are. The rights in the first one say most.
      partitions.then(async (count) => {
        const places = isPartitioned && count.kind === 'answer' ? numbersTo(count.value) : [0];
        return await ask(async () => await askRights(redis, {positions, keys, isPartitioned}, places));
      }),
      config.redisClusterNodes === undefined
        ? undefined
        : askOfPartitions(async (count) => await askShares(redis, keys, count)),
      ask(async () => await redis.settings('save', positions.key(0))),
      ask(async () => await storedLayout(redis, keys)),
      askOfPartitions(async (count) => await quarantined(redis, keys, count)),
      ask(async () => {
        if (isPartitioned) return null;
        await stagingRedis.connect();
        return (await stagingRedis.getAll([keys.shared.stagingMark]))[0] ?? null;
      }),
      askOfPartitions(async (count) => await positions.read(numbersTo(count))),
    ]);
    return {servers, shares, rights, dumps, layout, quarantine, staging, positions: stored};
  } finally {
    redis.close();
    stagingRedis.close();
  }
}

function numbersTo(count: number): number[] {
  return Array.from({length: count}, (_, index) => index);
}

async function askRights(
  redis: RedisClient,
  {positions, keys, isPartitioned}: {positions: StoredPositions; keys: KeySpace; isPartitioned: boolean},
  partitions: readonly number[],
): Promise<void> {
  const hasOutbox = isPartitioned ? 'outbox' : '';
  await Promise.all(
    partitions.map(
      async (each) => await redis.run(RIGHTS_SCRIPT, positions.key(each), [keys.prefixOf(each), hasOutbox]),
    ),
  );
  if (isPartitioned) await redis.run(MERGE_RIGHTS_SCRIPT, keys.shared.merged, [keys.sharedPrefix]);
}

async function askShares(redis: RedisClient, keys: KeySpace, count: number): Promise<ClusterShares> {
  const nodes = (await redis.serverInfos()).map(({node}) => node);
  const partitions = numbersTo(count).map(async (each) => await redis.nodeOf(keys.prefixOf(each)));
  return {nodes, partitions: await Promise.all(partitions), reports: await redis.nodeOf(keys.sharedPrefix)};
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
