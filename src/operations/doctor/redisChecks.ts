/**
 * Redis: checks the server, the rights of the user, and the read model.
 *
 * Pure: no clock, no I/O.
 */
import type {Config} from '../../config/config.js';
import {EXIT} from '../../runtime/errorPolicy.js';
import {asProjectorError} from '../../runtime/errors.js';
import type {LogRange} from '../../clients/kafka/eventLog.js';
import {parseFence, positionInFence} from '../../redis-model/fence.js';
import {formatLayout, requireSameLayout} from '../../redis-model/layout.js';
import {NO_POSITION, parsePosition} from '../../redis-model/position.js';
import type {RedisAnswers} from './askRedis.js';
import {again, both, fail, failedBy, judged, ok, warn, type Answer, type Check} from './check.js';

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
  const {info} = answers;
  return [
    judged('redis', info, judgeServer),
    judged('redis-rights', answers.rights, () => ok('redis-rights', 'every right that a worker needs')),
    judged('redis-eviction', again(info), judgeEviction),
    judged('redis-persistence', both(info, answers.dumps), ([facts, dumps]) =>
      judgePersistence(facts, dumps),
    ),
    judged('redis-memory', again(info), judgeMemory),
    answers.staging.kind === 'error'
      ? warn('spare-database', answers.staging.error.detail, STAGING_FIX)
      : judged('spare-database', both(info, answers.staging), ([facts, mark]) =>
          judgeStaging(facts, mark, config),
        ),
    judged('layout', both(answers.layout, partitions), ([stored, count]) =>
      judgeLayout(stored, count, config),
    ),
    judged('positions', both(answers.positions, ranges), ([texts, log]) => judgePositions(texts, log)),
    judged('set-aside', answers.quarantine, judgeQuarantine),
  ];
}

export function judgeServer(info: Info): Check {
  const version = info.get('redis_version') ?? 'unknown';
  const detail = `version ${version}, ${info.get('role') ?? 'unknown role'}`;
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (info.get('cluster_enabled') === '1') {
    return fail('redis', `${detail}, in cluster mode: no script reaches all keys of an order`, {
      fix: 'Use a Redis without cluster mode.',
    });
  }
  if (info.get('role') === 'slave') {
    return fail('redis', `${detail}: a replica takes no writes`, {
      fix: 'Let REDIS_URL name the primary.',
      exitCode: EXIT.unreachable,
    });
  }
  if (major < 6 || (major === 6 && minor < 2))
    return fail('redis', detail, {fix: 'Use Redis 7 or later; below 6.2 nothing works.'});
  if (major < 7) return warn('redis', `${detail}: it cannot be asked for rights`, 'Use Redis 7 or later.');
  return ok('redis', detail);
}

/** S7: Redis evicts no key of the read model. These keys have no time to live, so `volatile-*` does not evict them either. */
export function judgeEviction(info: Info): Check {
  const policy = info.get('maxmemory_policy') ?? 'unknown';
  if (!policy.startsWith('allkeys-')) return ok('redis-eviction', `maxmemory-policy ${policy}`);
  return fail('redis-eviction', `maxmemory-policy ${policy}: it may drop orders`, {
    fix: 'Set maxmemory-policy to noeviction, then run `projector rebuild`.',
  });
}

/**
 * A Redis without persistence causes a warning. Its data can be restored from the topic after a restart, but until then
 * readers see old data or none. A failed write to the append-only file is a failure, because Redis then accepts no writes.
 */
export function judgePersistence(info: Info, dumps: string | undefined): Check {
  const name = 'redis-persistence';
  if (info.get('aof_enabled') === '1') {
    if ((info.get('aof_last_write_status') ?? 'ok') === 'ok') return ok(name, 'append-only file');
    return fail(name, 'the last write to the append-only file has failed: Redis takes no writes', {
      fix: 'Make room on its disk.',
      exitCode: EXIT.unreachable,
    });
  }
  const fix =
    'Set appendonly yes; without it a restart costs a rebuild, and readers see an older Redis or none.';
  if (info.get('rdb_last_bgsave_status') === 'err') return warn(name, 'the last dump has failed', fix);
  if (dumps === '')
    return warn(name, 'neither an append-only file nor dumps: a restart forgets everything', fix);
  if (dumps === undefined)
    return warn(name, 'no append-only file; whether it writes dumps this user may not ask', fix);
  return warn(name, `dumps alone (save ${dumps}): a crash takes it back to the last one`, fix);
}

const FULL_SHARE = 0.9;

export function judgeMemory(info: Info): Check {
  const usedBytes = Number(info.get('used_memory') ?? 0);
  const maxBytes = Number(info.get('maxmemory') ?? 0);
  if (maxBytes === 0) return ok('redis-memory', `${megabytes(usedBytes)} in use, without a limit of its own`);
  const detail = `${megabytes(usedBytes)} of ${megabytes(maxBytes)} in use`;
  if (usedBytes < FULL_SHARE * maxBytes) return ok('redis-memory', detail);
  return warn('redis-memory', detail, 'Raise maxmemory: a full Redis takes no writes, and workers wait.');
}

function megabytes(bytes: number): string {
  return `${(bytes / 1_048_576).toFixed(1)} MiB`;
}

const STAGING_FIX =
  'Set REDIS_STAGING_DATABASE to an empty one that this user may use; until then there is no `rebuild` and no `sync`.';

/** The check only warns, because only `rebuild`, `sync` and `verify` against the topic use the staging database. */
export function judgeStaging(info: Info, mark: string | null, {stagingDatabase}: Config): Check {
  const name = 'spare-database';
  const keys = /keys=(\d+)/.exec(info.get(`db${stagingDatabase}`) ?? '')?.[1] ?? '0';
  if (keys === '0') return ok(name, `database ${stagingDatabase} is empty`);
  if (mark !== null)
    return warn(
      name,
      `database ${stagingDatabase} holds what a rebuild has left, or makes now`,
      'Let it end, or run `projector rebuild`: it goes on where that one was.',
    );
  return warn(name, `database ${stagingDatabase} holds ${keys} keys of others`, STAGING_FIX);
}

export function judgeLayout(stored: string | null, partitions: number, config: Config): Check {
  if (stored === null) return ok('layout', 'nothing is stored yet');
  const {topic, moneyDecimals, extraColumns = []} = config;
  try {
    requireSameLayout(stored, formatLayout({topic, partitions, moneyDecimals, extraColumns}));
    return ok('layout', 'what Redis was filled with are these settings');
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
    return warn('positions', 'fences stand: a rebuild or a repair is at work', 'Look again in some seconds.');
  return ok('positions', `inside the log, ${lag} records behind`);
}

function faultOf(text: string, {low, high}: LogRange): {text: string; fix: string} | undefined {
  const bare = positionInFence(text);
  const sync = 'fill Redis from MySQL with `projector sync --replace`.';
  if (bare === NO_POSITION) {
    if (low === 0n) return undefined;
    return {
      text: `has no position, and the log begins at ${low}`,
      fix: `The log is no longer whole: ${sync}`,
    };
  }
  const next = parsePosition(bare)?.nextOffset;
  if (next === undefined) {
    return {text: 'has something else in the place of its position', fix: 'Run `projector rebuild`.'};
  }
  if (next < low) {
    const fix = `Records were deleted before they were applied: set retention.ms=-1, and ${sync}`;
    return {text: `stands at ${next}, and the log begins at ${low}`, fix};
  }
  if (next <= high) return undefined;
  return {
    text: `stands at ${next}, and the log ends at ${high}`,
    fix: 'This is not the log that Redis was built from: correct KAFKA_TOPIC, or run `projector rebuild`.',
  };
}

export function judgeQuarantine(count: number): Check {
  if (count === 0) return ok('set-aside', 'no record is set aside');
  const detail = `${count} record${count === 1 ? ' is' : 's are'} set aside: their orders are not exact`;
  return warn(
    'set-aside',
    detail,
    'See `projector dlq list`, mend the cause, then `projector dlq replay --all`.',
  );
}
