/** Measures what the layouts cost: `single` and `partitioned` on one Redis, and `partitioned` on a cluster of three masters with replicas. */
import {Redis} from 'ioredis';
import {keySpace, type KeyLayout, type KeySpace} from '../src/redis-model/keys.js';
import type {StackEnv} from '../stack/environment.js';
import {OwnRedis} from '../stack/native/ownRedis.js';
import {RedisCluster} from '../stack/native/redisCluster.js';
import {until} from '../stack/until.js';
import {WorkerProcess} from '../stack/worker.js';
import {ourVariables} from './contenders.js';
import {growth, redisCpuSeconds} from './redisUsage.js';
import {microsecondsPer, rateOf} from './figures.js';
import type {LayoutResult, LayoutRound, NodeShare} from './layoutTable.js';
import {ProcessMeter} from './processMeter.js';
import type {ShopPlan} from './shop.js';
import {endsAfter, fillTopic, PARTITIONS, type FilledTopic} from './topic.js';

/** With this prefix and six partitions, each of three masters with a third of the slots has two partitions. */
const PREFIX = 'orders:';
const REPLAY_TIMEOUT_MS = 600_000;

/** A place in which a worker can keep the read model. */
interface Site {
  readonly name: string;
  readonly keys: KeySpace;
  readonly layout: KeyLayout;
  readonly variables: Readonly<Record<string, string>>;
  readonly masters: readonly Redis[];
  /** The master that has a key with this prefix. */
  readonly masterOf: (prefix: string) => Redis;
}

/** Replays the topic at each site, alternating. Rejects if `report:totals` at the end differs. */
export async function layouts(
  env: StackEnv,
  plan: ShopPlan,
  {rounds, notify}: {rounds: number; notify: (line: string) => void},
): Promise<LayoutResult[]> {
  const topic = await fillTopic(env.kafka.brokers, 'compact', plan);
  await using redis = await OwnRedis.open();
  await using cluster = await RedisCluster.open();
  const clustered = await onCluster(cluster);
  const client = new Redis(redis.url);
  const one = {url: redis.url, client};
  const sites = [onOneRedis(one, 'single'), onOneRedis(one, 'partitioned'), clustered];
  const results = sites.map(({name, layout}) => ({name, layout, rounds: [] as LayoutRound[]}));
  let totals: string | undefined;
  try {
    for (let round = 1; round <= rounds; round++) {
      for (const [index, site] of sites.entries()) {
        notify(`round ${round} of ${rounds}: layout ${site.layout}, ${site.name} ...`);
        results[index]!.rounds.push(await replayed(site, {env, topic}));
        const {shared, sharedPrefix} = site.keys;
        const fields = await site.masterOf(sharedPrefix).hgetall(shared.reportTotals);
        const found = JSON.stringify(Object.entries(fields).sort());
        if (found !== (totals ??= found))
          throw new Error(`the reports differ: ${found}, but before: ${totals}`);
      }
    }
  } finally {
    client.disconnect();
  }
  return results;
}

function onOneRedis({url, client}: {url: string; client: Redis}, layout: KeyLayout): Site {
  return {
    name: 'one Redis',
    layout,
    keys: keySpace(layout, PREFIX),
    variables: {REDIS_URL: url, REDIS_LAYOUT: layout, REDIS_KEY_PREFIX: PREFIX},
    masters: [client],
    masterOf: () => client,
  };
}

async function onCluster(cluster: RedisCluster): Promise<Site> {
  const keys = keySpace('partitioned', PREFIX);
  const prefixes = [keys.sharedPrefix, ...Array.from({length: PARTITIONS}, (_, i) => keys.prefixOf(i))];
  const masterOf = new Map<string, Redis>();
  for (const prefix of prefixes) masterOf.set(prefix, cluster.on(await cluster.masterOf(prefix)));
  const masters = (await cluster.masters()).map((node) => cluster.on(node));
  return {
    name: `a cluster of ${masters.length} masters with replicas`,
    layout: 'partitioned',
    keys,
    variables: {
      REDIS_URL: cluster.url,
      REDIS_CLUSTER_NODES: cluster.places.join(','),
      REDIS_LAYOUT: 'partitioned',
      REDIS_KEY_PREFIX: PREFIX,
    },
    masters,
    masterOf: (prefix) => masterOf.get(prefix)!,
  };
}

interface Replay {
  readonly env: StackEnv;
  readonly topic: FilledTopic;
}

async function replayed(site: Site, {env, topic}: Replay): Promise<LayoutRound> {
  const {masters, variables} = site;
  const ends = endsAfter(topic.plan);
  const records = ends.reduce((sum, end) => sum + end, 0);
  for (const redis of masters) await redis.flushall();
  const before = await Promise.all(masters.map(redisCpuSeconds));
  const worker = new WorkerProcess({...ourVariables({env, topic, ends}), ...variables});
  const meter = new ProcessMeter([worker.pid]);
  try {
    const startedMs = await until(
      () => worker.log.find(({msg}) => msg === 'partitions assigned')?.['time'],
      () => `the assignment of the partitions. The worker's output: ${worker.output}`,
    );
    await until(
      async () => {
        if (!worker.isRunning) throw new Error(`the worker ended: ${worker.output}`);
        return await isMerged(site, topic.name, ends);
      },
      () => `the end of the replay of ${topic.name}`,
      REPLAY_TIMEOUT_MS,
    );
    const seconds = (Date.now() - Date.parse(String(startedMs))) / 1_000;
    const {cpuSeconds} = meter.end();
    const after = await Promise.all(masters.map(redisCpuSeconds));
    const spent = masters.map((_, index) => growth(before[index], after[index]));
    return {
      eventsPerSecond: rateOf(records, seconds),
      workerMicroseconds: microsecondsPer(cpuSeconds, records),
      redisMicroseconds: microsecondsPer(sumOf(spent), records),
      nodes: masters.map((redis, index) => shareOf(site, redis, {ends, cpuSeconds: spent[index] ?? null})),
    };
  } finally {
    await worker.end('SIGTERM');
  }
}

/** True when the orders are at the ends of the partitions, and the reports contain them. */
async function isMerged(
  {keys, layout, masterOf}: Site,
  topic: string,
  ends: readonly number[],
): Promise<boolean> {
  const merged = await masterOf(keys.sharedPrefix).hgetall(keys.shared.merged);
  const nextOf = async (partition: number): Promise<string> =>
    layout === 'partitioned'
      ? (merged[partition]?.split(' ')[0] ?? '0')
      : ((
          await masterOf(keys.prefixOf(partition)).get(keys.partition(partition).position(topic, partition))
        )?.split(' ')[1] ?? '0');
  const nexts = await Promise.all(ends.map(async (_, partition) => await nextOf(partition)));
  return ends.every((end, partition) => Number(nexts[partition]) >= end);
}

function shareOf(
  {keys, masterOf}: Site,
  redis: Redis,
  {ends, cpuSeconds}: {ends: readonly number[]; cpuSeconds: number | null},
): NodeShare {
  const held = ends.filter((_, partition) => masterOf(keys.prefixOf(partition)) === redis);
  return {
    cpuSeconds,
    partitions: held.length,
    records: held.reduce((sum, end) => sum + end, 0),
    hasReports: masterOf(keys.sharedPrefix) === redis,
  };
}

/** Null if one of them was not measured. */
function sumOf(seconds: readonly (number | null)[]): number | null {
  return seconds.reduce((sum, one) => (sum === null || one === null ? null : sum + one), 0);
}
