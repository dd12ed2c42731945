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
 *
 * In the layout `partitioned`, the repair of an order does not move the sums (I19). They are then repaired as MySQL has them.
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
import {mergedGuard, SET_FENCED_SCRIPT, setArguments, type MergedHost, type SumGuard} from './sumRepair.js';
import type {KeySpace} from '../../redis-model/keys.js';

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
  readonly redis: MergedHost & {run(script: Script, key: string, args: readonly string[]): Promise<unknown>};
  /** In the layout `partitioned`: the keys, and the lock that this process holds. Undefined in `single`. */
  readonly sharded:
    {readonly keys: KeySpace; readonly lockKey: string; readonly lockText: string} | undefined;
  readonly clock: Clock;
  /** Ends the repair before the next fence. */
  readonly signal: AbortSignal;
  /** Rejects if the connector does not run. MySQL would stay ahead of the topic, and later records would be added to the sums again. */
  readonly requireUpstream: () => Promise<void>;
  /** Whether the repair may remove malformed keys. */
  readonly mayRemove: boolean;
}

/** The fence that every write of an order compares. */
interface Fence {
  readonly partition: number;
  /** The key of the position that it replaces. */
  readonly key: string;
  readonly text: string;
  /** The position texts in the fences, in the order of the partitions. */
  readonly positions: readonly string[];
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
    for (const [partition, group] of this.#slots(keys)) await this.#discard(partition, group);
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
        await this.#fenced(this.#deps.partitions, async (fence) => {
          const {script, key, text} = await this.#sumGuard(fence);
          for (const [id, now] of await sides.compare(kind, ids)) {
            // If the findings differ from those before, changes are under way. The next comparison waits for them.
            if (JSON.stringify(now) !== JSON.stringify(seen.get(`${kind} ${id}`))) continue;
            for (const finding of now) {
              const args = setArguments(finding);
              if (args !== undefined) await redis.run(script, key, [text, ...args]);
            }
          }
        });
      }
    }
  }

  async #sumGuard({key, text, positions}: Fence): Promise<SumGuard> {
    const {sharded, redis, clock} = this.#deps;
    if (sharded === undefined) return {script: SET_FENCED_SCRIPT, key, text};
    return await mergedGuard(redis, {key: sharded.keys.shared.merged, positions, clock});
  }

  /** Malformed keys, by the partition whose fence protects them. Undefined: the key belongs to no single partition. */
  #slots(keys: readonly string[]): Map<number | undefined, string[]> {
    const groups = new Map<number | undefined, string[]>();
    for (const key of keys) {
      const partition = this.#deps.sharded?.keys.placeOf(key)?.partition;
      groups.set(partition, [...(groups.get(partition) ?? []), key]);
    }
    return groups;
  }

  async #discard(partition: number | undefined, keys: readonly string[]): Promise<void> {
    const {redis, sharded, partitions} = this.#deps;
    if (sharded !== undefined && partition === undefined) {
      await redis.run(DISCARD_SCRIPT, sharded.lockKey, [sharded.lockText, ...keys]);
      return;
    }
    await this.#fenced(partition === undefined ? partitions : [partition], async ({key, text}) => {
      await redis.run(DISCARD_SCRIPT, key, [text, ...keys]);
    });
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
    try {
      const positions = await fences.set(FENCE_MS);
      await work({partition, key: model.positions.key(partition), text: await fences.first(), positions});
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
        await this.#deps.redis.run(DISCARD_SCRIPT, fence.key, [fence.text, ...sides.orderKeys(orderId)]);
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
