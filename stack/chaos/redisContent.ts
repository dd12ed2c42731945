/** Reads one logical database of Redis as text that can be compared. */
import type {ChainableCommander, Redis} from 'ioredis';

const PAGE = 1_000;
const WORKERS_OWN = 'projector:';

/** Key -> content. Members of hashes and sorted sets have the same form. The worker's own keys are left out. */
export async function readContent(redis: Redis): Promise<Map<string, string>> {
  const content = new Map<string, string>();
  const keys = (await keysOf(redis)).filter((key) => !key.startsWith(WORKERS_OWN));
  for (let at = 0; at < keys.length; at += PAGE) {
    const page = keys.slice(at, at + PAGE);
    const types = await replies<string>(redis.pipeline(), page, (pipeline, key) => pipeline.type(key));
    const values = await replies<unknown>(redis.pipeline(), page, (pipeline, key, index) =>
      ask(pipeline, key, types[index] ?? ''),
    );
    page.forEach((key, index) => content.set(key, textOf(values[index], types[index] ?? '')));
  }
  return content;
}

/** Names of the quarantined records. */
export async function quarantinedNames(redis: Redis): Promise<string[]> {
  return (await redis.hkeys(`${WORKERS_OWN}quarantine`)).sort();
}

/** Members and values as one text. logFold.ts uses the same form. */
export function membersText(members: Iterable<readonly [string, string]>): string {
  return JSON.stringify([...members].sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** One line for each key that differs. */
export function contentDifferences(
  [nameA, a]: readonly [string, ReadonlyMap<string, string>],
  [nameB, b]: readonly [string, ReadonlyMap<string, string>],
): string[] {
  return [...new Set([...a.keys(), ...b.keys()])]
    .filter((key) => a.get(key) !== b.get(key))
    .map((key) => `${key}: ${nameA} ${a.get(key) ?? '(none)'}, ${nameB} ${b.get(key) ?? '(none)'}`);
}

async function keysOf(redis: Redis): Promise<string[]> {
  const keys = new Set<string>();
  let cursor = '0';
  do {
    const [next, page] = await redis.scan(cursor, 'COUNT', PAGE);
    for (const key of page) keys.add(key);
    cursor = next;
  } while (cursor !== '0');
  return [...keys];
}

function ask(pipeline: ChainableCommander, key: string, type: string): ChainableCommander {
  if (type === 'string') return pipeline.get(key);
  if (type === 'hash') return pipeline.hgetall(key);
  if (type === 'zset') return pipeline.zrange(key, '0', '-1', 'WITHSCORES');
  throw new Error(`${key} has the unexpected type ${type}`);
}

async function replies<T>(
  pipeline: ChainableCommander,
  keys: readonly string[],
  add: (pipeline: ChainableCommander, key: string, index: number) => ChainableCommander,
): Promise<T[]> {
  keys.forEach((key, index) => add(pipeline, key, index));
  const found = (await pipeline.exec()) ?? [];
  return found.map(([error, reply]) => {
    if (error !== null) throw error;
    return reply as T;
  });
}

function textOf(value: unknown, type: string): string {
  if (type === 'string') return value as string;
  if (type === 'hash') return membersText(Object.entries(value as Record<string, string>));
  const flat = value as string[];
  return membersText(
    flat.flatMap((member, i) => (i % 2 === 0 ? [[member, flat[i + 1] ?? ''] as const] : [])),
  );
}
