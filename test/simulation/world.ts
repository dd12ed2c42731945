/** The simulated world: servers, workers, the messages between them, and what the checks may expect of it. */
import {keySpace, type KeyLayout, type KeySpace} from '../../src/redis-model/keys.js';
import {formatLayout} from '../../src/redis-model/layout.js';
import type {ProjectorError} from '../../src/runtime/errors.js';
import {ORDER_EXTRA_COLUMNS} from '../support/arbitraries.js';
import {Random} from '../support/random.js';
import type {Scripts} from './fakeRedis.js';
import {SimGroup} from './group.js';
import {drawFailpoint, drawPlan, drawSettings, type FailpointPlan, type Fault, type Plan} from './plan.js';
import {EMPTY_DUMP, SimServer, type ServerDump} from './server.js';
import {Shop, type Event} from './shop.js';
import {SimTime} from './simClock.js';
import {SimWorker} from './simWorker.js';
import {SimTopic} from './topic.js';
import {Violation} from './violation.js';
import type {Wire} from './wire.js';

/** An action that can happen next. `act` returns its description for the trace. */
export interface Offer {
  readonly weight: number;
  readonly act: () => string;
}

/** The errors with which a worker may end after a shared key was corrupt. */
const CORRUPT_ENDS = ['read-model-corrupt', 'position-unreadable', 'layout-changed', 'partitions-changed'];

export class World {
  readonly random: Random;
  readonly plan: Plan;
  readonly topic: SimTopic;
  readonly shop: Shop;
  readonly group: SimGroup;
  readonly workers: SimWorker[] = [];
  /** Broken sockets whose commands the servers still have to execute. */
  orphans: Wire[] = [];
  /** The server that new connections reach. */
  server: SimServer;
  /** Backups of Redis. */
  readonly dumps: ServerDump[] = [];
  /** All events that were written to the topic, in the order of the database. */
  readonly written: Event[] = [];
  isRedisReachable = true;
  isKafkaReachable = true;
  readonly everCorrupted = new Set<string>();
  readonly corruptKeys = new Set<string>();
  readonly faultCounts = new Map<Fault, number>();
  /** True if an outcome may be lost. Then the sum of the counts may be lower than the number of records. */
  mayMiscount = false;
  hasCorrupted = false;
  /** Added in the trace to the action that reached the failpoint. */
  lastFailpoint = '';
  /** Set if a worker has ended without a valid reason. */
  violation: Violation | undefined;
  /** How often reports were lost. Redis was emptied each time, and the topic replayed. */
  reportLosses = 0;
  readonly keys: KeySpace;
  /** The time of Redis. In the layout `partitioned` it is also the time of the workers. */
  readonly time = new SimTime();
  readonly #layout: string;
  readonly #servers: SimServer[];
  #areReportsLost = false;
  #isCalm = false;

  constructor(seed: number, {layout, scripts}: {layout: KeyLayout; scripts: Scripts}) {
    this.random = new Random(seed);
    this.plan = drawPlan(this.random, layout);
    const {partitions, prefix, onOrderDelete} = this.plan;
    this.keys = keySpace(layout, prefix);
    this.topic = new SimTopic(partitions);
    this.shop = new Shop(this.random, partitions, onOrderDelete);
    this.group = new SimGroup(this.topic.partitions);
    const columns = ORDER_EXTRA_COLUMNS.map((name) => ({name, type: 'text' as const}));
    this.#layout = formatLayout({
      topic: this.topic.name,
      partitions,
      moneyDecimals: 2,
      extraColumns: columns,
      keyLayout: layout,
    });
    const {topic, everCorrupted, keys, time, isPartitioned} = this;
    const settings = {
      topic,
      everCorrupted,
      keys,
      time,
      isPartitioned,
      scripts,
      layout: this.#layout,
      extraColumns: ORDER_EXTRA_COLUMNS,
    };
    this.server = new SimServer('redis1', settings);
    this.#servers = [this.server];
  }

  get isPartitioned(): boolean {
    return this.plan.layout === 'partitioned';
  }

  has(fault: Fault): boolean {
    return !this.#isCalm && this.plan.faults.has(fault);
  }

  count(fault: Fault): void {
    this.faultCounts.set(fault, (this.faultCounts.get(fault) ?? 0) + 1);
  }

  get alive(): SimWorker[] {
    return this.workers.filter(({isAlive}) => isAlive);
  }

  write(...events: readonly Event[]): void {
    for (const event of events) this.topic.append(event);
    this.written.push(...events);
  }

  startWorker(): string {
    const {random, topic, group, plan, isPartitioned} = this;
    const failpoint =
      this.has('failpoint reached') && random.chance(0.7) ? drawFailpoint(random, isPartitioned) : undefined;
    const worker = new SimWorker(
      {
        topic,
        group,
        isPartitioned,
        prefix: plan.prefix,
        layout: this.#layout,
        onOrderDelete: plan.onOrderDelete,
      },
      {
        name: `w${this.workers.length + 1}`,
        time: isPartitioned ? this.time : new SimTime(),
        settings: drawSettings(random, {partitions: plan.partitions, topic: topic.name}),
        failpoint,
        onFailpoint: (reached, what) => this.#onFailpoint(reached, what),
      },
    );
    this.workers.push(worker);
    if (this.isRedisReachable) worker.redis.connect(this.server);
    worker.run((ended) => this.#onEnd(ended));
    return `${worker.name} starts`;
  }

  /** The connection breaks. Commands that had arrived are executed at a later time. */
  cut(worker: SimWorker, arrived = this.random.int(0, worker.redis.wire?.sent.length ?? 0)): string {
    const {wire} = worker.redis;
    if (wire === undefined) return `${worker.name} has no connection`;
    const unheard = wire.answered.length;
    const isIdle = unheard + wire.sent.length === 0 && !worker.isAlive;
    const orphan = worker.redis.cut(arrived);
    if (orphan !== undefined) this.orphans.push(orphan);
    // 1. The position shows whether a script was executed, unless other workers move it too.
    // 2. A script that is executed later is counted by no worker.
    // 3. A worker that could not send a chunk counts the same chunk as its own if another worker has applied
    // it.
    if (!isIdle && !(this.plan.isClear && orphan === undefined)) this.mayMiscount = true;
    return `${worker.name} loses its connection: ${unheard} replies lost, ${orphan?.sent.length ?? 0} commands left`;
  }

  /** SIGKILL. */
  kill(worker: SimWorker): string {
    worker.life.isDead = true;
    this.mayMiscount = true;
    return `${worker.name} is killed; ${this.cut(worker)}`;
  }

  /** Workers that hold a partition. Only a foreign writer can be the reason. */
  holding(): SimWorker[] {
    const found = this.alive.filter(({projector}) =>
      projector.view.partitions.some(({held}) => held !== null),
    );
    for (const {name, projector} of found) {
      for (const {held} of projector.view.partitions) {
        if (held === null || (this.hasCorrupted && CORRUPT_ENDS.includes(held.kind))) continue;
        this.violation ??= new Violation(`${name} holds a partition: ${held.kind}: ${held.detail}`);
      }
    }
    return found;
  }

  /** Does what an operator does after the cause was fixed: a restart releases a held partition. */
  restartHolding(): string[] {
    return this.holding().map((worker) => `${this.kill(worker)}; ${this.startWorker()}`);
  }

  /** What an operator does after reports were lost: the topic is replayed into an empty Redis (docs/cluster.md). */
  replayLostReports(): string[] {
    if (!this.#areReportsLost) return [];
    this.#areReportsLost = false;
    this.server.restore(EMPTY_DUMP);
    return [`${this.server.name} is emptied, because reports were lost`];
  }

  /** True if a worker may halt with this error, because orders and reports have lost writes one after the other. */
  #hasLostReports({kind, detail}: ProjectorError): boolean {
    const [, partition] = /contain partition (\d+) up to/.exec(detail) ?? [];
    if (kind !== 'reports-lost' || partition === undefined) return false;
    if (!this.#servers.some(({history}) => history.mayLack(Number(partition)))) return false;
    this.reportLosses++;
    this.#areReportsLost = true;
    return true;
  }

  /** Another Redis becomes the primary. Workers that are connected to the old one are not notified. */
  failover(dump: ServerDump): string {
    this.server = this.server.fork(`redis${this.#servers.length + 1}`, dump);
    this.#servers.push(this.server);
    return `${this.server.name} takes over`;
  }

  /** Ends the time for faults. */
  calm(): void {
    this.#isCalm = true;
  }

  /** True for a key of one order. If a foreign writer changes any other key, workers halt. */
  isCorruptKey(key: string): boolean {
    return this.corruptKeys.has(key);
  }

  get isCalm(): boolean {
    return this.#isCalm;
  }

  #onFailpoint(worker: SimWorker, {name, action}: FailpointPlan): boolean {
    if (this.#isCalm) return false;
    this.count('failpoint reached');
    if (action === 'kill') this.kill(worker);
    else if (action === 'block') worker.life.isFrozen = true;
    else this.mayMiscount = true;
    this.lastFailpoint = `; ${worker.name} reaches ${name}: ${action}`;
    return true;
  }

  #onEnd(worker: SimWorker): void {
    const {ended, hasThrown, isStopping, name} = worker;
    const {consumed, applied, duplicate, ignored, quarantined} = worker.projector.counts;
    const failure = ended?.failure;
    const unfinished = worker.redis.wire?.sent.length ?? 0;
    this.cut(worker);
    if (failure !== undefined) {
      this.mayMiscount = true;
      const isExpected =
        hasThrown ||
        (this.hasCorrupted && CORRUPT_ENDS.includes(failure.kind)) ||
        this.#hasLostReports(failure);
      if (!isExpected) this.violation ??= new Violation(`${name} ended with ${failure.message}`);
      return;
    }
    if (!isStopping) this.violation ??= new Violation(`${name} ended without a reason`);
    // The stop timed out, so the worker left scripts in flight that no code awaits.
    if (unfinished > 0 || worker.log.isRunning) this.mayMiscount = true;
    // An error of a failpoint can interrupt the counting, so the sum is checked only without one.
    else if (!hasThrown && consumed !== applied + duplicate + ignored + quarantined) {
      this.violation ??= new Violation(`${name} consumed ${consumed} records; the outcomes differ (I6)`);
    }
  }
}
