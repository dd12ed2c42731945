/**
 * Repairs the differences that were found, and nothing else, while fences stop the workers (I15).
 *
 * Orders: a fence stops the partition of the order. The apply script writes the whole order as MySQL holds it. It moves the counters by the
 * difference to what it finds. MySQL may be ahead of the position. This is safe, because the records after the position set every row to
 * its last state (I3).
 *
 * Sums: fences stop all partitions, because each of them moves the sums. The repair sets a sum to the value from MySQL if the sum still
 * differs as it was found. If the sum or its expected value has changed since then, changes are under way. The repair skips it, and the
 * next comparison decides.
 */
import type {Fences} from '../../apply/fences.js';
import type {ApplyOutcome, ApplyRequest} from '../../apply/script.js';
import type {Script} from '../../clients/redis/client.js';
import type {SourceTables} from '../../upstream/sourceTables.js';
import {ProjectorError} from '../../runtime/errors.js';
import type {Clock} from '../../runtime/lifecycle.js';
import {DISCARD_SCRIPT} from '../../apply/discard.js';
import {Reducer} from '../../reduce.js';
import {readSourceOrders, type SourceOrder} from '../../upstream/sourceRows.js';
import type {StoredPositions} from '../../redis-model/storedPositions.js';
import type {MysqlHost} from './mysqlSide.js';
import type {Finding, Subject, SubjectKind} from './finding.js';
import type {Sides} from './sides.js';

export interface RepairDeps {
  /** MySQL as the expected side, and Redis. */
  readonly sides: Sides;
  readonly mysql: Pick<MysqlHost, 'consistentSnapshot'>;
  readonly tables: SourceTables;
  /** Resolves when MySQL shows every transaction whose records are in the topic. */
  readonly visible: () => Promise<void>;
  /** The fences of these partitions. */
  readonly fences: (partitions: readonly number[]) => Fences;
  /** All partitions, from 0. */
  readonly partitions: readonly number[];
  /** The partition of an order, or undefined if that is not certain. Then all partitions are stopped. */
  readonly partitionOf: (orderId: string) => number | undefined;
  /** What the repair uses of the read model (apply/readModel.ts). */
  readonly model: {
    readonly positions: StoredPositions;
    apply(partition: number, request: ApplyRequest): Promise<ApplyOutcome>;
  };
  /** What the repair uses of the Redis client (clients/redis/client.ts). */
  readonly redis: {run(script: Script, key: string, args: readonly string[]): Promise<unknown>};
  readonly clock: Clock;
  /** Ends the repair before the next fence. */
  readonly signal: AbortSignal;
  /** Rejects if the connector does not run. MySQL would stay ahead of the topic, and later records would be added to the sums again. */
  readonly requireUpstream: () => Promise<void>;
  /** Whether the repair may remove malformed keys. */
  readonly mayRemove: boolean;
}

/** The fence that every write of a repair compares. */
interface Fence {
  readonly partition: number;
  /** The key of the position that it replaces. */
  readonly key: string;
  readonly text: string;
}

export interface Difference {
  readonly subject: Subject;
  readonly findings: readonly Finding[];
}

/** How long a fence stands, in ms. If this process dies, the workers wait at most until the fence expires. */
const FENCE_MS = 10_000;
/** Orders, or sums, that are repaired under one fence. The limit keeps the pause of the workers short. */
const AT_ONCE_MAX = 100;
const PAUSE_MS = 1_500;

/**
 * Sets one value if the fence stands and the value is still the one that was found. If the key is absent or holds another type,
 * the script sets the value without this comparison.
 *
 * KEYS[1]  position of a partition
 * ARGV     text of the fence; 'string', 'zset' or 'hash'; key; member or field; found value; expected value ('' for absent)
 *
 * Returns  1 if the value was set, 0 if it has changed, -1 if the fence does not stand
 */
const SET_SCRIPT: Script = {
  name: 'projectorRepairSet',
  lua: `
local text, kind, key, member, found, expected = unpack(ARGV)
if redis.call('GET', KEYS[1]) ~= text then return -1 end
local type = redis.call('TYPE', key).ok
if type ~= 'none' and type ~= kind then redis.call('DEL', key) end
if kind == 'string' then
  if type == kind and redis.call('GET', key) ~= found then return 0 end
  redis.call('SET', key, expected == '' and '0' or expected)
elseif kind == 'zset' then
  if type == kind and tonumber(redis.call('ZSCORE', key, member) or '0') ~= tonumber(found == '' and '0' or found) then return 0 end
  if expected == '' then redis.call('ZREM', key, member) else redis.call('ZADD', key, expected, member) end
else
  if type == kind and (redis.call('HGET', key, member) or '') ~= found then return 0 end
  redis.call('HSET', key, member, expected)
end
return 1`,
};

const SUM_KIND = {'counter-differs': 'string', 'score-differs': 'zset', 'total-differs': 'hash'} as const;

export class Repair {
  readonly #deps: RepairDeps;
  /** From when on a partition may be stopped again. */
  readonly #restedMs = new Map<number, number>();

  constructor(deps: RepairDeps) {
    this.#deps = deps;
  }

  get removesMalformed(): boolean {
    return this.#deps.mayRemove;
  }

  /** Repairs orders, and removes malformed keys if this is allowed. The sums can be repaired only after the orders that they add up. */
  async orders(differences: readonly Difference[]): Promise<void> {
    await this.#deps.requireUpstream();
    const keys = this.#deps.mayRemove ? idsOf(differences, 'key') : [];
    if (keys.length > 0) {
      await this.#fenced(this.#deps.partitions, async ({key, text}) => {
        await this.#deps.redis.run(DISCARD_SCRIPT, key, [text, ...keys]);
      });
    }
    for (const {ids, partition} of this.#turns(idsOf(differences, 'order')))
      await this.#rebuild(ids, partition === undefined ? this.#deps.partitions : [partition]);
  }

  async sums(differences: readonly Difference[]): Promise<void> {
    const {sides, redis, requireUpstream} = this.#deps;
    await requireUpstream();
    const seen = new Map(
      differences.map(({subject, findings}) => [`${subject.kind} ${subject.id}`, findings]),
    );
    for (const kind of ['product', 'user', 'totals'] as const) {
      for (const ids of slices(idsOf(differences, kind))) {
        await this.#fenced(this.#deps.partitions, async ({key, text}) => {
          for (const [id, now] of await sides.compare(kind, ids)) {
            // If the findings differ from those before, changes are under way. The next comparison waits for them.
            if (JSON.stringify(now) !== JSON.stringify(seen.get(`${kind} ${id}`))) continue;
            for (const finding of now) {
              const args = setArguments(finding);
              if (args !== undefined) await redis.run(SET_SCRIPT, key, [text, ...args]);
            }
          }
        });
      }
    }
  }

  /** Slices of the orders of one partition. The partitions take turns, so that each rests while the others are repaired. */
  #turns(ids: readonly string[]): {readonly partition: number | undefined; readonly ids: string[]}[] {
    const groups = new Map<number | undefined, string[]>();
    for (const id of ids) {
      const partition = this.#deps.partitionOf(id);
      const group = groups.get(partition);
      if (group === undefined) groups.set(partition, [id]);
      else group.push(id);
    }
    return [...groups]
      .flatMap(([partition, group]) => slices(group).map((slice, turn) => ({partition, ids: slice, turn})))
      .sort((a, b) => a.turn - b.turn);
  }

  /** Sets fences, runs `work` with the text of the first one, and removes the fences. */
  async #fenced(partitions: readonly number[], work: (fence: Fence) => Promise<void>): Promise<void> {
    const {clock, model, signal} = this.#deps;
    const fences = this.#deps.fences(partitions);
    const [partition = 0] = partitions;
    // The workers need the pause between two fences, to apply the records that have arrived.
    const restedMs = Math.max(...partitions.map((each) => this.#restedMs.get(each) ?? 0));
    await clock.sleep(Math.max(0, restedMs - clock.nowMs()), signal);
    signal.throwIfAborted();
    await fences.set(FENCE_MS);
    try {
      await work({partition, key: model.positions.key(partition), text: await fences.first()});
    } finally {
      await fences.giveUp();
      for (const each of partitions) this.#restedMs.set(each, clock.nowMs() + PAUSE_MS);
    }
  }

  async #rebuild(ids: readonly string[], partitions: readonly number[]): Promise<void> {
    const {sides, mysql, tables, visible} = this.#deps;
    // The long part of the wait comes before the fence, so that the workers need not wait for it.
    await visible();
    await this.#fenced(partitions, async (fence) => {
      // MySQL must show every change before the fenced positions (S8).
      await visible();
      const source = await mysql.consistentSnapshot(async (ask) => await readSourceOrders(ask, ids, tables));
      let outcome = await this.#apply(source, fence);
      const discarded = new Set<string>();
      while (outcome.kind === 'corrupt') {
        const {orderId, what} = outcome;
        if (discarded.has(orderId)) throw new ProjectorError('repair-refused', `order ${orderId}: ${what}`);
        discarded.add(orderId);
        const keys = [sides.keys.order(orderId), sides.keys.orderLines(orderId)];
        await this.#deps.redis.run(DISCARD_SCRIPT, fence.key, [fence.text, ...keys]);
        outcome = await this.#apply(source, fence);
      }
      if (outcome.kind === 'rejected')
        throw new ProjectorError(
          'rebuild-lost',
          'the fence expired or was removed before the repair finished',
        );
    });
  }

  async #apply(source: ReadonlyMap<string, SourceOrder>, {partition, text}: Fence): Promise<ApplyOutcome> {
    const reducer = new Reducer();
    for (const [orderId, {changes, fault}] of source) {
      if (fault !== undefined) continue;
      reducer.add({kind: 'order-deleted', orderId});
      for (const change of changes) reducer.add(change);
    }
    return await this.#deps.model.apply(partition, {
      expected: text,
      next: text,
      reduction: reducer.reduction(),
    });
  }
}

function idsOf(differences: readonly Difference[], kind: SubjectKind): string[] {
  return differences.filter(({subject}) => subject.kind === kind).map(({subject}) => subject.id);
}

function slices(ids: readonly string[]): string[][] {
  return Array.from({length: Math.ceil(ids.length / AT_ONCE_MAX)}, (_, i) =>
    ids.slice(i * AT_ONCE_MAX, (i + 1) * AT_ONCE_MAX),
  );
}

/** The arguments of the script that follow the text of the fence. Undefined if the finding is not about a sum. */
function setArguments({kind, key, field, found, expected}: Finding): string[] | undefined {
  if (kind !== 'counter-differs' && kind !== 'score-differs' && kind !== 'total-differs') return undefined;
  return [SUM_KIND[kind], key, field ?? '', found ?? '', expected ?? ''];
}
