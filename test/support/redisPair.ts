/** Compares the content and the replies of the simulated Redis with those of a real one. */
import type {Redis} from 'ioredis';
import {parseOutboxEntry} from '../../src/redis-model/outbox.js';
import {ProjectorError} from '../../src/runtime/errors.js';
import type {Keyspace, StoredValue} from '../simulation/keyspace.js';

export function fakeContent(keys: Keyspace): [string, unknown][] {
  return [...keys.keys()].sort().map((key) => [key, plain(keys.get(key))]);
}

/**
 * An entry of an outbox without its time. The order of products and users is not defined, and neither is how a revenue is split. Other
 * texts stay as they are.
 */
export function canonicalEntry(text: string): string {
  const entry = parseOutboxEntry(text);
  if (entry === undefined) return text;
  const {from, to, products, users, totals} = entry;
  const [orders, units, high, low] = totals;
  const pairs = (flat: readonly string[]): string =>
    flat
      .flatMap((member, index) => (index % 2 === 0 ? [`${member}=${flat[index + 1] ?? ''}`] : []))
      .sort()
      .join(' ');
  const revenue = BigInt(high) * 10n ** 8n + BigInt(low);
  return `${from} ${to} ${orders} ${units} ${revenue}|${pairs(products)}|${pairs(users)}`;
}

/**
 * A reply or an error as text, without the key of a foreign counter or report. If several of them are
 * foreign, it is not defined which one the script finds first.
 */
export async function answerOf(call: () => Promise<unknown>): Promise<string> {
  try {
    return JSON.stringify(await call(), (_, inner: unknown) =>
      typeof inner === 'bigint' ? String(inner) : inner,
    );
  } catch (error) {
    if (!(error instanceof ProjectorError)) throw error;
    const text =
      /(?:WRONGTYPE|CORRUPT|the read model in Redis was built).*/.exec(error.detail)?.[0] ?? error.detail;
    return `${error.kind}: ${text.replace(/product:\d+/, 'product:*').replace(/\S+ is a .*/, 'a wrong type')}`;
  }
}

function plain(stored: StoredValue | undefined): unknown {
  if (stored?.type === 'string') return stored.text;
  if (stored?.type === 'hash') return Object.fromEntries(stored.fields);
  if (stored?.type === 'zset') return Object.fromEntries(stored.scores);
  return stored?.items.map(canonicalEntry);
}

export async function putReal(redis: Redis, key: string, put: StoredValue | undefined): Promise<void> {
  await redis.del(key);
  if (put?.type === 'string') await redis.set(key, put.text);
  if (put?.type === 'list') await redis.rpush(key, ...put.items);
  if (put?.type === 'hash') await redis.hset(key, Object.fromEntries(put.fields));
  if (put?.type === 'zset') for (const [member, score] of put.scores) await redis.zadd(key, score, member);
}

const READ_ALL = `
  local all = {}
  for _, key in ipairs(redis.call('KEYS', '*')) do
    local kind, value = redis.call('TYPE', key).ok, {}
    if kind == 'string' then value = {redis.call('GET', key)} end
    if kind == 'hash' then value = redis.call('HGETALL', key) end
    if kind == 'list' then value = redis.call('LRANGE', key, 0, -1) end
    if kind == 'zset' then value = redis.call('ZRANGE', key, 0, -1, 'WITHSCORES') end
    all[#all + 1] = {key, kind, value}
  end
  return all`;

export async function realContent(redis: Redis): Promise<[string, unknown][]> {
  const all = (await redis.eval(READ_ALL, 0)) as [string, string, string[]][];
  return all
    .map(([key, kind, flat]): [string, unknown] => {
      if (kind === 'string') return [key, flat[0]];
      if (kind === 'list') return [key, flat.map(canonicalEntry)];
      const pairs: [string, unknown][] = [];
      for (let i = 0; i + 1 < flat.length; i += 2) {
        pairs.push([flat[i] ?? '', kind === 'zset' ? Number(flat[i + 1]) : flat[i + 1]]);
      }
      return [key, Object.fromEntries(pairs)];
    })
    .sort(([a], [b]) => (a < b ? -1 : 1));
}
