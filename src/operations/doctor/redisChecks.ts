/**
 * Redis: checks the server, the rights of the user, and the read model.
 *
 * Pure: no clock, no I/O.
 */
import type {Config} from '../../config/config.js';
import {layoutSettings} from '../../config/readConfig.js';
import {EXIT} from '../../runtime/errorPolicy.js';
import {asProjectorError} from '../../runtime/errors.js';
import type {LogRange} from '../../clients/kafka/eventLog.js';
import {parseFence, positionInFence} from '../../redis-model/fence.js';
import {formatLayout, requireSameLayout} from '../../redis-model/layout.js';
import {NO_POSITION, parsePosition} from '../../redis-model/position.js';
import type {RedisAnswers} from './askRedis.js';
import {again, both, fail, failedBy, judged, ok, warn, type Answer, type Check} from './check.js';
import {sharesCheck, worst} from './clusterChecks.js';
import {counted} from '../../runtime/counted.js';

type Info = ReadonlyMap<string, string>;

export interface LogAnswers {
  readonly partitions: Answer<number>;
  readonly ranges: Answer<ReadonlyMap<number, LogRange>>;
}

export function redisChecks(
  answers: RedisAnswers,
  {partitions, ranges}: LogAnswers,
  config: Config,
): Check[] {
  const {servers} = answers;
  return [
    judged('redis', servers, (all) => worst(all, ({fields}) => judgeServer(fields, config))),
    judged('redis-rights', answers.rights, () =>
      ok('redis-rights', 'the user has every right that a worker needs'),
    ),
    judged('redis-eviction', again(servers), (all) => worst(all, ({fields}) => judgeEviction(fields))),
    judged('redis-persistence', both(servers, answers.dumps), ([all, dumps]) =>
      worst(all, ({node, fields}) => judgePersistence(fields, dumps?.get(node))),
    ),
    judged('redis-memory', again(servers), (all) => worst(all, ({fields}) => judgeMemory(fields))),
    ...sharesCheck(answers),
    ...(config.redisLayout === 'single' ? [stagingCheck(answers, config)] : []),
    judged('layout', both(answers.layout, partitions), ([stored, count]) =>
      judgeLayout(stored, count, config),
    ),
    judged('positions', both(answers.positions, ranges), ([texts, log]) => judgePositions(texts, log)),
    judged('quarantine', answers.quarantine, judgeQuarantine),
  ];
}

function stagingCheck({servers, staging}: RedisAnswers, config: Config): Check {
  if (staging.kind === 'error') return warn('staging-database', staging.error.detail, STAGING_FIX);
  return judged('staging-database', both(servers, staging), ([all, mark]) =>
    worst(all, ({fields}) => judgeStaging(fields, mark, config)),
  );
}

export function judgeServer(
  info: Info,
  {redisClusterNodes}: Partial<Pick<Config, 'redisClusterNodes'>> = {},
): Check {
  const version = info.get('redis_version') ?? 'unknown';
  const detail = `version ${version}, ${info.get('role') ?? 'unknown role'}`;
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (info.get('cluster_enabled') === '1' && redisClusterNodes === undefined) {
    return fail('redis', `${detail}, in cluster mode: the keys are distributed over servers`, {
      fix: 'Set REDIS_CLUSTER_NODES and REDIS_LAYOUT=partitioned (docs/cluster.md), or use a Redis without cluster mode.',
    });
  }
  if (info.get('role') === 'slave') {
    return fail('redis', `${detail}: a replica accepts no writes`, {
      fix:
        redisClusterNodes === undefined
          ? 'Set REDIS_URL to the address of the primary.'
          : 'Run `projector doctor` again: a node has just become a replica.',
      exitCode: EXIT.unreachable,
    });
  }
  if (major < 6 || (major === 6 && minor < 2))
    return fail('redis', `${detail}: Redis before 6.2 is not supported`, {fix: 'Use Redis 7 or later.'});
  if (major < 7)
    return warn(
      'redis',
      `${detail}: Redis before 7 cannot check the rights of a user`,
      'Use Redis 7 or later.',
    );
  return ok('redis', detail);
}

/** S7: Redis evicts no key of the read model. These keys have no time to live, so `volatile-*` does not evict them either. */
export function judgeEviction(info: Info): Check {
  const policy = info.get('maxmemory_policy') ?? 'unknown';
  if (!policy.startsWith('allkeys-')) return ok('redis-eviction', `maxmemory-policy ${policy}`);
  return fail('redis-eviction', `maxmemory-policy ${policy}: Redis may evict orders`, {
    fix: 'Set maxmemory-policy to noeviction or volatile-*, then run `projector rebuild`.',
  });
}

/**
 * A Redis without persistence causes a warning. Its data can be restored from the topic after a restart, but until then
 * readers see old data or none. A failed write to the append-only file is a failure, because Redis then accepts no writes.
 */
export function judgePersistence(info: Info, dumps: string | undefined): Check {
  const name = 'redis-persistence';
  if (info.get('aof_enabled') === '1') {
    if ((info.get('aof_last_write_status') ?? 'ok') === 'ok') return ok(name, 'append-only file enabled');
    return fail(name, 'the last write to the append-only file failed: Redis accepts no writes', {
      fix: 'Free space on the disk of Redis.',
      exitCode: EXIT.unreachable,
    });
  }
  const fix =
    'Set appendonly yes. Without it, workers must replay the lost changes after a crash, and readers see older data or none until then.';
  if (info.get('rdb_last_bgsave_status') === 'err') return warn(name, 'the last RDB snapshot failed', fix);
  if (dumps === '')
    return warn(name, 'neither append-only file nor RDB snapshots: a restart loses all data', fix);
  if (dumps === undefined)
    return warn(
      name,
      'no append-only file; the setting `save` cannot be read (no right to CONFIG GET, or Redis before 7)',
      fix,
    );
  return warn(name, `only RDB snapshots (save ${dumps}): a crash loses all changes after the last one`, fix);
}

const FULL_SHARE = 0.9;

export function judgeMemory(info: Info): Check {
  const usedBytes = Number(info.get('used_memory') ?? 0);
  const maxBytes = Number(info.get('maxmemory') ?? 0);
  if (maxBytes === 0) return ok('redis-memory', `${megabytes(usedBytes)} in use, maxmemory is not set`);
  const detail = `${megabytes(usedBytes)} of ${megabytes(maxBytes)} in use`;
  if (usedBytes < FULL_SHARE * maxBytes) return ok('redis-memory', detail);
  return warn('redis-memory', detail, 'Raise maxmemory. A full Redis accepts no writes, and workers wait.');
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(1)} MiB`;
}

const STAGING_FIX =
  'Set REDIS_STAGING_DATABASE to an empty database that this user may access. `rebuild` and `sync` require it.';

/** The check only warns, because only `rebuild`, `sync` and `verify` against the topic use the staging database. */
export function judgeStaging(info: Info, mark: string | null, {stagingDatabase}: Config): Check {
  const name = 'staging-database';
  const keys = /keys=(\d+)/.exec(info.get(`db${stagingDatabase}`) ?? '')?.[1] ?? '0';
  if (keys === '0') return ok(name, `database ${stagingDatabase} is empty`);
  if (mark !== null)
    return warn(
      name,
      `database ${stagingDatabase} holds the content of a rebuild, sync or verify that runs or was interrupted`,
      'Wait until it ends. If it was interrupted, run the same command again: it resumes or discards this content.',
    );
  return warn(
    name,
    `database ${stagingDatabase} holds ${counted(keys, 'key that does', 'keys that do')} not belong to a rebuild`,
    STAGING_FIX,
  );
}

export function judgeLayout(stored: string | null, partitions: number, config: Config): Check {
  if (stored === null) return ok('layout', 'no layout is stored in Redis');
  try {
    requireSameLayout(stored, formatLayout({...layoutSettings(config), partitions}));
    return ok('layout', 'the layout in Redis matches the settings');
  } catch (error) {
    return failedBy('layout', asProjectorError(error));
  }
}

/** Each position must lie within the offsets that its partition holds. */
export function judgePositions(texts: readonly string[], ranges: ReadonlyMap<number, LogRange>): Check {
  let lag = 0n;
  const faults: {readonly text: string; readonly fix: string}[] = [];
  for (const [partition, text] of texts.entries()) {
    const {low, high} = ranges.get(partition) ?? {low: 0n, high: 0n};
    const fault = faultOf(text, {low, high});
    if (fault !== undefined) faults.push({...fault, text: `partition ${partition} ${fault.text}`});
    const next = parsePosition(positionInFence(text))?.nextOffset ?? low;
    if (high > next) lag += high - next;
  }
  const [first] = faults;
  if (first !== undefined)
    return fail('positions', faults.map(({text}) => text).join('; '), {fix: first.fix});
  if (texts.some((text) => parseFence(text) !== undefined))
    return warn(
      'positions',
      'fences are set: a rebuild or a repair is running',
      'Run `projector doctor` again in some seconds.',
    );
  return ok('positions', `all positions are within the topic, consumer lag is ${counted(lag, 'record')}`);
}

function faultOf(text: string, {low, high}: LogRange): {text: string; fix: string} | undefined {
  const bare = positionInFence(text);
  const sync = 'load Redis from MySQL with `projector sync --replace`.';
  if (bare === NO_POSITION) {
    if (low === 0n) return undefined;
    return {
      text: `has no position, but the topic begins at offset ${low}`,
      fix: `The topic is no longer complete: ${sync}`,
    };
  }
  const next = parsePosition(bare)?.nextOffset;
  if (next === undefined) {
    return {text: 'has a stored position that cannot be read', fix: 'Run `projector rebuild`.'};
  }
  if (next < low) {
    const fix = `Records were deleted before they were applied: set retention.ms=-1, and ${sync}`;
    return {text: `is at offset ${next}, but the topic begins at offset ${low}`, fix};
  }
  if (next <= high) return undefined;
  return {
    text: `is at offset ${next}, but the topic ends at offset ${high}`,
    fix: 'This is not the topic that Redis was built from: correct KAFKA_TOPIC, or run `projector rebuild`.',
  };
}

export function judgeQuarantine(count: number): Check {
  if (count === 0) return ok('quarantine', 'no record is quarantined');
  const detail = `${counted(count, 'record is', 'records are')} quarantined: the affected orders may differ from MySQL`;
  return warn(
    'quarantine',
    detail,
    'See `projector dlq list`, fix the cause, then run `projector dlq replay --all`.',
  );
}
