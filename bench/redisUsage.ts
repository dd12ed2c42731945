/** What Redis itself reports about its work: CPU time, memory, and how long scripts blocked it. */
import type {Redis} from 'ioredis';
import type {Figure} from './figures.js';

export interface ScriptTimes {
  readonly p50Ms: number | null;
  readonly p99Ms: number | null;
  /** The longest script. No other client was served during it. */
  readonly maxMs: number | null;
}

/** CPU time of the process since its start. Null if Redis does not report it. */
export async function redisCpuSeconds(redis: Redis): Promise<number | null> {
  const info = await redis.info('cpu');
  const [system, user] = [fieldOf(info, 'used_cpu_sys'), fieldOf(info, 'used_cpu_user')];
  return system === null || user === null ? null : system + user;
}

export async function redisMemoryBytes(redis: Redis): Promise<number | null> {
  return fieldOf(await redis.info('memory'), 'used_memory');
}

/** The difference of two readings of a counter. Null if one of them is missing. */
export function growth(before: Figure, after: Figure): number | null {
  return before === null || before === undefined || after === null || after === undefined
    ? null
    : after - before;
}

/**
 * Makes Redis forget the times of past scripts. The percentile 100 is the longest script, which Redis does not report by default.
 * The setting stays, because only the benchmark uses this Redis.
 */
export async function forgetScriptTimes(redis: Redis): Promise<void> {
  await redis.config('SET', 'latency-tracking-info-percentiles', '50 99 100');
  await redis.config('RESETSTAT');
}

/** The times of the scripts since `forgetScriptTimes`. Undefined if no script ran. */
export async function scriptTimes(redis: Redis): Promise<ScriptTimes | undefined> {
  const line = /evalsha:(.*)$/m.exec(await redis.info('latencystats'))?.[1];
  if (line === undefined) return undefined;
  const of = (percentile: number): number | null => {
    const microseconds = new RegExp(`\\bp${percentile}=([\\d.]+)`).exec(line)?.[1];
    return microseconds === undefined ? null : Number(microseconds) / 1_000;
  };
  return {p50Ms: of(50), p99Ms: of(99), maxMs: of(100)};
}

/** Name and version of the server, such as `Redis 7.0.15`. Valkey reports the version of Redis with which it is compatible, too. */
export async function redisVersion(redis: Redis): Promise<string> {
  const info = await redis.info('server');
  const of = (name: string): string | undefined => new RegExp(`^${name}:(\\S+)`, 'm').exec(info)?.[1];
  const valkey = of('valkey_version');
  return valkey === undefined ? `Redis ${of('redis_version') ?? '(unknown version)'}` : `Valkey ${valkey}`;
}

function fieldOf(info: string, name: string): number | null {
  const text = new RegExp(`^${name}:([\\d.]+)`, 'm').exec(info)?.[1];
  return text === undefined ? null : Number(text);
}
