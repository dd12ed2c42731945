/**
 * Cutover in the layout `partitioned`, where no script can access all keys. So it takes several steps while fences hold all live positions:
 *
 * 1. It waits until the staging positions have reached the positions that the fences keep (I15).
 * 2. It makes the staging positions unusable. From then on, nothing writes to the staging keys (C4).
 * 3. It removes live keys that staging does not contain. Then it renames the staging keys to the live keys, slice by slice (adopt.lua). So a
 *    reader never misses an order that exists before and after. It can see old and new orders at the same time.
 * 4. It computes counters and reports from the orders, with the staging positions as merged offsets (I19).
 * 5. It sets the live positions to the staging positions, inside the fences, and removes the fences.
 *
 * If the process dies, the fences expire, and the workers resume at positions that are not after the staging ones:
 *
 * - before step 4: they apply again what the adopted orders contain already, and every order is exact at the end (I3). Counters and reports
 *   may differ until they are computed again. The mark makes the next run start again.
 * - after step 4: the merged offsets are ahead of the positions, so the replay adds nothing to the reports twice (I18).
 *
 * Therefore step 5 is the last one: with positions that are ahead of the merged offsets, the workers would halt with `reports-lost`.
 */
import {Fences, type FenceHost, type FencePlan} from '../../apply/fences.js';
import {DISCARD_SCRIPT} from '../../apply/discard.js';
import type {LogRange} from '../../clients/kafka/eventLog.js';
import {parseFence} from '../../redis-model/fence.js';
import {isOwnKey, keySpace, stagingSpace, type KeySpace} from '../../redis-model/keys.js';
import {parsePosition} from '../../redis-model/position.js';
import {StoredPositions} from '../../redis-model/storedPositions.js';
import {counted} from '../../runtime/counted.js';
import {ERROR_POLICY} from '../../runtime/errorPolicy.js';
import {asProjectorError, ProjectorError} from '../../runtime/errors.js';
import type {Clock} from '../../runtime/lifecycle.js';
import {goalsOf} from './cutover.js';
import {whileFenced, type Held} from './heldFences.js';
import {computeReports, type ReportHost} from './reports.js';
import {ADOPT_SCRIPT, EXCHANGE_SCRIPT} from './scripts.js';
import {contentOf, type Mark} from './stagingDatabase.js';

export interface PartitionedCutoverPlan extends Pick<FencePlan, 'lockKey' | 'lockText'> {
  /** The prefix of the read model. */
  readonly prefix: string;
  readonly topic: string;
  readonly partitions: number;
  readonly layout: string;
  /** Names this run. It contains no blanks. */
  readonly id: string;
  /** The mark of the content. */
  readonly mark: Mark;
  /** Reads the first and the next offset of every partition of the topic. */
  readonly ranges: () => Promise<ReadonlyMap<number, LogRange>>;
  /** Called when the staging positions are unusable. */
  readonly begun: () => void;
  readonly progress: (text: string) => void;
}

/** Longest wait for the staging positions, in ms. */
const TRY_MS = 4_000;
const ASK_AGAIN_MS = 5;
/** Pause after the fence of another run was found, which expires after 10 s, and while a server does not respond. */
const RETRY_MS = 1_000;
/** Attempts to continue while a server does not respond. */
const TRIES_MAX = 20;
/** Keys of one page. Redis runs other commands between the scripts of two pages. */
const PAGE = 500;

/** What the fence of a partition keeps, and the position that replaces it. */
interface Adopted {
  readonly from: string;
  readonly to: string;
}

export class PartitionedCutover {
  readonly #redis: FenceHost & ReportHost;
  readonly #plan: PartitionedCutoverPlan;
  readonly #clock: Clock;
  readonly #fences: Fences;
  readonly #live: KeySpace;
  readonly #staging: KeySpace;
  /** Undefined before step 2. */
  #adopted: readonly Adopted[] | undefined;
  /** The next of these steps. An attempt after an error continues there. */
  #next: 'remove' | 'rename' | 'reports' | 'finish' = 'remove';

  /** Partitions beyond those of the topic. */
  readonly #dropped = new Set<number>();

  constructor(redis: FenceHost & ReportHost, plan: PartitionedCutoverPlan, clock: Clock) {
    this.#redis = redis;
    this.#plan = plan;
    this.#clock = clock;
    this.#live = keySpace('partitioned', plan.prefix);
    this.#staging = stagingSpace(plan.prefix);
    const {lockKey, lockText, id: holder, topic, partitions} = plan;
    const positionKeys = new StoredPositions(redis, topic, this.#live).keys(partitions);
    this.#fences = new Fences(redis, {lockKey, lockText, holder, positionKeys, isPartitioned: true});
  }

  /**
   * Resolves with true after the cutover. Resolves with false if staging did not reach the goals in time, or if another run holds a fence;
   * then nothing has changed. After an error it can be tried again, as long as no worker has applied anything in between.
   */
  async try(signal: AbortSignal): Promise<boolean> {
    const work: Held[] = [];
    try {
      return await whileFenced(this.#fences, {clock: this.#clock, signal}, async (held) => {
        work.push(held);
        return await this.#cutOver(held);
      });
    } catch (error) {
      const isOthers = work.length === 0 && asProjectorError(error).kind === 'rebuild-lost';
      if (!isOthers || this.#adopted !== undefined) throw error;
      await this.#clock.sleep(RETRY_MS, signal);
      return false;
    }
  }

  async #cutOver(held: Held): Promise<boolean> {
    this.#adopted ??= await this.#begin(held);
    if (this.#adopted === undefined) return false;
    this.#plan.begun();
    const adopted = this.#adopted;
    this.#requireUnmoved(adopted, held);
    for (let tries = 1; ; tries++) {
      try {
        await this.#adopt(held, adopted);
        return true;
      } catch (error) {
        // The fences still stand. Each step checks them.
        const isPassing = ERROR_POLICY[asProjectorError(error).kind].next === 'wait';
        if (!isPassing || held.signal.aborted || tries >= TRIES_MAX) throw error;
        await this.#clock.sleep(RETRY_MS, held.signal);
      }
    }
  }

  async #adopt(held: Held, adopted: readonly Adopted[]): Promise<void> {
    if (this.#next === 'remove') {
      await this.#removeOthers(held.signal);
      this.#next = 'rename';
    }
    if (this.#next === 'rename') {
      await this.#renameAll(held.signal);
      this.#next = 'reports';
    }
    if (this.#next === 'reports') {
      await this.#computeReports(held, adopted);
      this.#next = 'finish';
    }
    for (const partition of adopted.keys()) await this.#step(partition, 'finish');
  }

  async #begin({positions, signal}: Held): Promise<readonly Adopted[] | undefined> {
    const {ranges, mark} = this.#plan;
    const goals = goalsOf(positions, await ranges());
    const lastMs = this.#clock.nowMs() + TRY_MS;
    while (!(await this.#isReached(goals))) {
      if (this.#clock.nowMs() >= lastMs) return undefined;
      await this.#clock.sleep(ASK_AGAIN_MS, signal);
      signal.throwIfAborted();
    }
    const adopted: Adopted[] = [];
    for (const [partition, from] of positions.entries()) {
      const goal = String(goals[partition] ?? 0n);
      const [kind, to = ''] = await this.#run({partition, from}, 'begin', [mark, goal]);
      if (kind !== 'done' && kind !== 'lost' && partition === 0) return undefined;
      if (kind !== 'done') throw lost(kind, to);
      adopted.push({from, to});
    }
    return adopted;
  }

  async #isReached(goals: readonly bigint[]): Promise<boolean> {
    const stored = new StoredPositions(this.#redis, this.#plan.topic, this.#staging);
    const texts = await stored.read([...goals.keys()]);
    return goals.every((goal, partition) => {
      const text = texts[partition] ?? '';
      const fence = parseFence(text);
      // A begin whose reply was lost has replaced this position.
      const isOurs = fence?.holder === this.#plan.id;
      const next = parsePosition(isOurs ? fence.position : text)?.nextOffset;
      const isReached = next !== undefined && next >= goal;
      if (isOurs && !isReached) throw lost('unfenced', '');
      return isReached;
    });
  }

  /** A worker may have applied records between two attempts. Then the staging positions can be before the live ones. */
  #requireUnmoved(adopted: readonly Adopted[], {positions}: Held): void {
    const isUnmoved = adopted.every(
      ({from, to}, partition) =>
        positions[partition] === from || (this.#next === 'finish' && positions[partition] === to),
    );
    if (!isUnmoved) throw lost('unfenced', '');
  }

  async #removeOthers(signal: AbortSignal): Promise<void> {
    const {partitions} = this.#plan;
    for await (const page of this.#redis.keysMatching(this.#live.all, PAGE)) {
      signal.throwIfAborted();
      await Promise.all(
        [...namesIn(page, this.#live)].map(async ([partition, names]) => {
          if (partition < partitions) {
            await this.#step(partition, 'remove', this.#ordersAnd(partition, names));
            return;
          }
          await this.#drop(partition, names);
        }),
      );
      this.#plan.progress('removing orders that no longer exist; workers wait');
    }
    for (const partition of this.#dropped) {
      await this.#exchange(partition, `adopting ${this.#plan.id}`, '');
      this.#dropped.delete(partition);
    }
    for (let partition = 0; partition < partitions; partition++) await this.#step(partition, 'turn');
  }

  /** Partitions beyond those of the topic, from an earlier topic with more of them. No worker applies anything to them. */
  async #drop(partition: number, names: readonly string[]): Promise<void> {
    const mark: Mark = `adopting ${this.#plan.id}`;
    this.#dropped.add(partition);
    await this.#exchange(partition, '', mark);
    const prefix = this.#live.prefixOf(partition);
    const keys = names.map((name) => prefix + name);
    const {stagingMark} = this.#staging.partition(partition);
    const removed = Number(await this.#redis.run(DISCARD_SCRIPT, stagingMark, [mark, ...keys]));
    if (removed < 0) throw lost('lost', '');
  }

  async #exchange(partition: number, expected: Mark | '', next: Mark | ''): Promise<void> {
    const {stagingMark} = this.#staging.partition(partition);
    const stored = String(await this.#redis.run(EXCHANGE_SCRIPT, stagingMark, [expected, next]));
    if (stored !== next) throw lost('lost', stored);
  }

  async #renameAll(signal: AbortSignal): Promise<void> {
    let keys = 0;
    for await (const page of this.#redis.keysMatching(this.#staging.all, PAGE)) {
      signal.throwIfAborted();
      await Promise.all(
        [...namesIn(page, this.#staging)].map(async ([partition, names]) => {
          await this.#step(partition, 'rename', this.#ordersAnd(partition, names));
        }),
      );
      keys += page.length;
      this.#plan.progress(`${counted(keys, 'key')} moved; workers wait`);
    }
  }

  async #computeReports(held: Held, adopted: readonly Adopted[]): Promise<void> {
    const {layout, lockText, id, progress} = this.#plan;
    const deps = {redis: this.#redis, keys: this.#live, layout, replacesLayout: true, lockText, id};
    const show = (looked: number): void => progress(`${counted(looked, 'key')} of orders read; workers wait`);
    await computeReports({...deps, progress: show}, {...held, positions: adopted.map(({to}) => to)});
  }

  /**
   * The names that a step moves or removes. An order and its line items are in the same script. Positions and outbox are left to the last
   * step. The copy of the audit's lease stays, because an audit may run.
   */
  #ordersAnd(partition: number, names: readonly string[]): string[] {
    const prefix = this.#live.prefixOf(partition);
    const keys = this.#live.partition(partition);
    const kept = [keys.position(this.#plan.topic, partition), keys.outbox, keys.stagingMark, keys.auditLease];
    const all = new Set<string>();
    for (const name of names) {
      const key = prefix + name;
      const id = keys.orderIdOf(key) ?? keys.orderIdOfLines(key);
      if (id !== undefined) all.add(`order:${id}`).add(`order_lines:${id}`);
      else if (!kept.includes(key)) all.add(name);
    }
    return [...all];
  }

  async #step(
    partition: number,
    step: 'remove' | 'turn' | 'rename' | 'finish',
    names: readonly string[] = [],
  ): Promise<void> {
    const {from} = this.#adopted?.[partition] ?? {from: ''};
    const [kind, detail = ''] = await this.#run({partition, from}, step, names);
    if (kind !== 'done') throw lost(kind, detail);
  }

  async #run(
    {partition, from}: {partition: number; from: string},
    step: string,
    rest: readonly string[],
  ): Promise<[kind: string, detail?: string]> {
    const {topic, id} = this.#plan;
    const [live, staging] = [this.#live, this.#staging];
    const staged = staging.partition(partition).position(topic, partition);
    const prefixes = [live.prefixOf(partition), staging.prefixOf(partition)];
    const args = [step, id, from, id, ...prefixes, staged, ...rest];
    const key = live.partition(partition).position(topic, partition);
    return (await this.#redis.run(ADOPT_SCRIPT, key, args)) as [string, string?];
  }
}

/** The own keys of a page, without their prefix, by partition. */
function namesIn(page: readonly string[], keys: KeySpace): Map<number, string[]> {
  const parts = new Map<number, string[]>();
  for (const key of page) {
    const {partition, prefix} = keys.placeOf(key) ?? {};
    if (partition === undefined || prefix === undefined || !isOwnKey(key, prefix)) continue;
    const names = parts.get(partition) ?? [];
    parts.set(partition, names);
    names.push(key.slice(prefix.length));
  }
  return parts;
}

function lost(kind: string, mark: string): ProjectorError {
  return new ProjectorError(
    'rebuild-lost',
    kind === 'lost'
      ? `the staging keys are in use by another run (they hold: ${contentOf(mark).replace(/^holds /, '')})`
      : 'workers applied records during the cutover, because a fence of this run expired: this process was paused, or Redis did not respond',
  );
}
