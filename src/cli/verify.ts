/** `projector verify`: Redis against MySQL, while both change; mends what differs where asked for. */
import {randomUUID} from 'node:crypto';
import {hostname} from 'node:os';
import {Fences} from '../apply/fences.js';
import {KafkaTopic} from '../clients/kafka.js';
import {MysqlClient} from '../clients/mysql.js';
import {RedisClient} from '../clients/redis.js';
import {kafkaSettings, sourceSchema, type ConfigWith} from '../config.js';
import {EXIT} from '../errorPolicy.js';
import {ProjectorError} from '../errors.js';
import {keysWithPrefix} from '../keys.js';
import {systemClock} from '../lifecycle.js';
import {lockTextOf, RebuildLock} from '../rebuild/lock.js';
import type {Finding} from '../verify/finding.js';
import {Repair} from '../verify/repair.js';
import {Sides} from '../verify/source.js';
import {verify, type Verdict, type VerifyDeps, type VerifyEvent} from '../verify/verify.js';
import {interruptible} from './interruption.js';
import {table, type Output} from './output.js';
import {ProgressLine} from './progressLine.js';
import {newReadModel, reachTopic} from './reach.js';

export interface VerifyOptions {
  readonly repair: boolean;
  /** A repair may remove malformed keys. */
  readonly removeMalformed: boolean;
  /** Look at so many orders only; undefined for everything. */
  readonly sample: number | undefined;
  /** Differences that are printed. */
  readonly limit: number;
  /** How long differences may take to settle, in seconds. */
  readonly wait: number;
  readonly json: boolean;
}

export interface VerifyContext {
  readonly config: ConfigWith<'brokers' | 'redisUrl' | 'mysqlUrl'>;
  readonly output: Output;
}

/** A difference is certain when it has stood unchanged for so long. */
const STILL_MS = 5_000;
const SUSPECTS_MAX = 20_000;

export async function verifyCommand(options: VerifyOptions, context: VerifyContext): Promise<number> {
  const {config, output} = context;
  const redis = new RedisClient({url: config.redisUrl, timeoutMs: config.redisTimeoutMs});
  const topic = new KafkaTopic(kafkaSettings(config), config.topic);
  const mysql = new MysqlClient({url: config.mysqlUrl});
  try {
    const partitions = await reachTopic(config, topic);
    await redis.connect();
    const model = newReadModel(config, redis, {partitions});
    await model.requireLayout();
    if (options.repair) await model.requireRights();
    await mysql.connect();
    return await interruptible(output, async (signal) => {
      const line = new ProgressLine(output, {clock: systemClock, isTerminal: process.stderr.isTTY});
      const connections = {redis, topic, mysql, partitions};
      const verdict = await withRepair(options, {config, ...connections}, async (repair) => {
        return await verify(depsOf(options, {...context, ...connections, line, repair, signal}));
      });
      tellVerdict(verdict, {options, output, line});
      return exitCodeOf(verdict, options);
    });
  } finally {
    redis.close();
    mysql.close();
    await topic.close();
  }
}

interface Connections {
  readonly redis: RedisClient;
  readonly topic: KafkaTopic;
  readonly mysql: MysqlClient;
  readonly partitions: number;
}

function sidesOf({redis, mysql}: Connections, config: VerifyContext['config']): Sides {
  return new Sides({redis, mysql, schema: sourceSchema(config), prefix: config.keyPrefix});
}

function depsOf(
  options: VerifyOptions,
  context: VerifyContext & Connections & {line: ProgressLine; repair: Repair | null; signal: AbortSignal},
): VerifyDeps {
  const {config, redis, topic, partitions, line, repair, signal} = context;
  const {positions} = newReadModel(config, redis, {partitions});
  return {
    sides: sidesOf(context, config),
    survey: {
      suspectsMax: SUSPECTS_MAX,
      progress: ({orders, products, users, keys}) =>
        line.show(`${orders} orders, ${products} products, ${users} users, ${keys} keys compared`),
      signal,
    },
    settle: {
      ranges: async () => await topic.ranges(),
      positions,
      clock: systemClock,
      stillMs: STILL_MS,
      waitMs: options.wait * 1_000,
      progress: (open) => line.show(`${open} places differ and may be under way; waiting until they settle`),
      signal,
    },
    sample: options.sample === undefined ? null : Array.from({length: options.sample}, () => Math.random()),
    repair,
    tell: (event) => line.note(eventLine(event)),
  };
}

/** Runs `work` with a repair under the lock of rebuilds, or with none. */
async function withRepair<T>(
  {repair, removeMalformed: mayRemove}: VerifyOptions,
  {config, ...connections}: Connections & {config: VerifyContext['config']},
  work: (repair: Repair | null) => Promise<T>,
): Promise<T> {
  if (!repair) return await work(null);
  const {redis, partitions} = connections;
  const id = randomUUID().slice(0, 8);
  const lockKey = keysWithPrefix(config.keyPrefix).rebuildLock;
  const holder = {host: hostname(), pid: process.pid, sinceMs: systemClock.nowMs()};
  const lockText = lockTextOf({id, command: 'repair'}, holder);
  const lock = new RebuildLock(redis, {key: lockKey, text: lockText, clock: systemClock});
  const model = newReadModel(config, redis, {partitions});
  const positionKeys = model.positions.keys(partitions);
  const fences = new Fences(redis, {lockKey, lockText, holder: id, positionKeys});
  await lock.take();
  const kept = lock.keep();
  try {
    return await Promise.race([
      work(
        new Repair({
          sides: sidesOf(connections, config),
          fences,
          model,
          redis,
          clock: systemClock,
          mayRemove,
        }),
      ),
      kept.then(async () => await new Promise<never>(() => undefined)),
    ]);
  } finally {
    await lock.release();
    await kept.catch(() => undefined);
  }
}

function eventLine(event: VerifyEvent): string {
  if (event.kind === 'repairing') return `repairing ${event.differences} differences`;
  const {orders, products, users, keys, foreignKeys} = event.looked;
  const foreign = foreignKeys === 0 ? '' : ` (${foreignKeys} of them are not of this read model)`;
  return `compared ${orders} orders, ${products} products, ${users} users, ${keys} keys${foreign}: ${event.suspects} places to look at again`;
}

function tellVerdict(
  verdict: Verdict,
  {options, output, line}: {options: VerifyOptions; output: Output; line: ProgressLine},
): void {
  const {looked, findings, open, unseen, isBehind, repaired} = verdict;
  const shown = findings.slice(0, options.limit);
  if (options.json) {
    const sums = {differences: findings.length, open: open.length, unseen, isBehind, repaired};
    output.line(JSON.stringify({...sums, looked, findings: shown}));
  } else {
    for (const row of shown.length === 0 ? [] : table(HEAD, shown.map(cellsOf))) output.line(row);
    output.line(`${findings.length} differences${repaired === 0 ? '' : `, ${repaired} were mended`}`);
  }
  if (findings.length > shown.length)
    line.note(`${findings.length - shown.length} more are not shown (--limit)`);
  if (unseen > 0)
    line.note(`${unseen} more places differed at first sight and were not looked at again: rebuild`);
  if (open.length > 0 && !isBehind) {
    const names = open.slice(0, 5).map(({kind, id}) => `${kind} ${id}`);
    line.note(
      `${open.length} places changed too often to be compared (${names.join(', ')}): verify at a quieter time`,
    );
  }
}

const HEAD = ['difference', 'key', 'field', 'MySQL', 'Redis'];

function cellsOf({kind, key, field, expected, found}: Finding): string[] {
  return [kind, key, field ?? '', expected ?? '-', found ?? '-'].map((cell) =>
    // One line for each, whatever stands in a row.
    JSON.stringify(cell).slice(1, -1),
  );
}

/** Throws `differences-found` or `verify-behind`. */
function exitCodeOf({findings, unseen, open, isBehind}: Verdict, {wait}: VerifyOptions): number {
  if (findings.length + unseen > 0) {
    throw new ProjectorError(
      'differences-found',
      `${findings.length + unseen} places in Redis differ from MySQL`,
    );
  }
  if (isBehind && open.length > 0) {
    throw new ProjectorError(
      'verify-behind',
      `${open.length} places could not be compared within ${wait} s: Redis did not reach the end of the log, or the time was too short`,
    );
  }
  return EXIT.ok;
}
