/** Reads everything that Redis holds under a prefix, as text that can be compared. */
import type {Redis} from 'ioredis';
import type {Content} from './orderModel.js';

/** Key without the prefix -> content. The worker's own keys, such as positions, are left out. */
export async function readModel(redis: Redis, prefix: string): Promise<Map<string, string>> {
  const model = new Map<string, string>();
  for (const key of (await keysOf(redis, prefix)).sort()) {
    const name = key.slice(prefix.length);
    if (!name.startsWith('projector:')) model.set(name, await contentOf(redis, key));
  }
  return model;
}

/** The same in the form of OrderModel, without the prefix. */
export async function contentUnder(redis: Redis, prefix: string): Promise<Content> {
  const content: Content = {};
  for (const key of await keysOf(redis, prefix)) {
    const name = key.slice(prefix.length);
    if (name.startsWith('projector:')) continue;
    const type = await redis.type(key);
    if (type === 'hash') content[name] = await redis.hgetall(key);
    else if (type === 'zset') {
      const flat = await redis.zrange(key, 0, '-1', 'WITHSCORES');
      content[name] = Object.fromEntries(
        flat.flatMap((member, i) => (i % 2 === 0 ? [[member, flat[i + 1]!]] : [])),
      );
    } else content[name] = (await redis.get(key)) ?? '';
  }
  return content;
}

/** Partition -> next offset, from the positions that are stored under the prefix. */
export async function positions(redis: Redis, prefix: string): Promise<Map<number, bigint>> {
  const found = new Map<number, bigint>();
  for (const key of await keysOf(redis, `${prefix}projector:position:`)) {
    const text = (await redis.get(key)) ?? '';
    found.set(Number(key.slice(key.lastIndexOf(':') + 1)), BigInt(text.split(' ')[1] ?? '0'));
  }
  return found;
}

async function keysOf(redis: Redis, prefix: string): Promise<string[]> {
  const keys = new Set<string>();
  let cursor = '0';
  do {
    const [next, page] = await redis.scan(cursor, 'MATCH', `${prefix}*`, 'COUNT', 1_000);
    for (const key of page) keys.add(key);
    cursor = next;
  } while (cursor !== '0');
  return [...keys];
}

async function contentOf(redis: Redis, key: string): Promise<string> {
  const type = await redis.type(key);
  switch (type) {
    case 'string':
      return (await redis.get(key)) ?? '';
    case 'hash':
      return JSON.stringify(Object.entries(await redis.hgetall(key)).sort(([a], [b]) => (a < b ? -1 : 1)));
    case 'zset':
      return (await redis.zrange(key, 0, '-1', 'WITHSCORES')).join(' ');
    default:
      throw new Error(`${key} has the unexpected type ${type}`);
  }
}
