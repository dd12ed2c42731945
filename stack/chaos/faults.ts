/** The list of faults, and the runner that draws one by weight among those that the current state allows. */
import type {Random} from '../random.js';
import type {Fault, Injection, Site} from './fault.js';
import type {FaultEntry, Journal} from './journal.js';
import {LINE_FAULTS, REPLIES_LOST} from './lineFaults.js';
import type {RedisKind} from '../stackState.js';
import {
  CLUSTER_FAULTS,
  CUT_OFF,
  MASTER_FROZEN,
  MASTER_KILLED,
  NODE_FLUSHED,
  SLOT_MOVED,
  WRITES_LOST,
} from './clusterFaults.js';
import {FLUSH, REDIS_FAULTS, ROLL_BACK} from './redisFaults.js';
import {KAFKA_KILL, REDIS_SERVER_FAULTS, SERVER_FAULTS} from './serverFaults.js';
import {AUDIT_KILL, WORKER_FAULTS, WORKER_ZOMBIE} from './workerFaults.js';

/**
 * Runs of less than a minute do not inject these faults on purpose. Two of them take the longest, and a failover that loses writes begins
 * with the SIGKILL of a master, too.
 */
const LONG_RUNS_ONLY: readonly Fault[] = [WORKER_ZOMBIE, KAFKA_KILL, MASTER_KILLED];

/** The faults of a run on one Redis, or on a cluster. */
export function faultsOf(kind: RedisKind): readonly Fault[] {
  const ofRedis = kind === 'cluster' ? CLUSTER_FAULTS : REDIS_FAULTS;
  const ofServers = SERVER_FAULTS.filter(
    (fault) => kind !== 'cluster' || !REDIS_SERVER_FAULTS.includes(fault),
  );
  return [...WORKER_FAULTS, ...LINE_FAULTS, ...ofRedis, ...ofServers];
}

/** The faults that every run injects at least once. */
export function tourOf(kind: RedisKind, isShort: boolean): readonly Fault[] {
  return TOURS[kind].filter((fault) => !isShort || !LONG_RUNS_ONLY.includes(fault));
}

const TOURS: Readonly<Record<RedisKind, readonly Fault[]>> = {
  single: [ROLL_BACK, WORKER_ZOMBIE, KAFKA_KILL, AUDIT_KILL, REPLIES_LOST, FLUSH],
  partitioned: [ROLL_BACK, WORKER_ZOMBIE, KAFKA_KILL, AUDIT_KILL, REPLIES_LOST, FLUSH],
  cluster: [
    ...[WRITES_LOST, SLOT_MOVED, CUT_OFF, MASTER_FROZEN, MASTER_KILLED, NODE_FLUSHED],
    ...[WORKER_ZOMBIE, KAFKA_KILL, AUDIT_KILL, REPLIES_LOST],
  ],
};

const TRIES_MAX = 50;

/** A running fault. `over` resolves with its journal entry when the fault has ended. */
export interface Running {
  readonly entry: FaultEntry;
  readonly over: Promise<FaultEntry>;
}

export interface RunnerSetup {
  readonly kind: RedisKind;
  readonly journal: Journal;
  readonly onFailure: (what: string) => void;
}

export class FaultRunner {
  readonly #site: Site;
  readonly #faults: readonly Fault[];
  readonly #journal: Journal;
  readonly #onFailure: (what: string) => void;
  /** The resources that the running faults hold. */
  readonly #busy = new Set<string>();
  readonly #running = new Set<Promise<FaultEntry>>();

  constructor(site: Site, setup: RunnerSetup) {
    this.#site = site;
    this.#faults = faultsOf(setup.kind);
    this.#journal = setup.journal;
    this.#onFailure = setup.onFailure;
  }

  isFree(resource: string): boolean {
    return !this.#busy.has(resource);
  }

  get active(): number {
    return this.#running.size;
  }

  /** Draws a fault by weight and begins it. Undefined if no fault was possible. */
  beginAny(faults: readonly Fault[] = this.#faults): Running | undefined {
    for (let tries = 0; tries < TRIES_MAX; tries++) {
      const fault = byWeight(faults, this.#site.random);
      const injection = fault.draw(this.#site);
      if (injection !== undefined && injection.needs.every((resource) => this.isFree(resource))) {
        return this.#begin(fault, injection);
      }
    }
    return undefined;
  }

  /** Resolves when no fault runs. */
  async allOver(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running);
  }

  /** Holds a resource during `work`, which is not a fault. Returns false if a fault holds it. */
  async holding(resource: string, work: () => Promise<void>): Promise<boolean> {
    if (!this.isFree(resource)) return false;
    this.#busy.add(resource);
    try {
      await work();
    } finally {
      this.#busy.delete(resource);
    }
    return true;
  }

  #begin(fault: Fault, {what, needs, run}: Injection): Running {
    const entry = this.#journal.begin(fault, what);
    for (const resource of needs) this.#busy.add(resource);
    const over: Promise<FaultEntry> = run()
      .catch((error: unknown) => {
        this.#onFailure(
          `the fault could not be injected or ended: ${what}: ${error instanceof Error ? error.message : String(error)}`,
        );
      })
      .then(() => {
        for (const resource of needs) this.#busy.delete(resource);
        this.#running.delete(over);
        this.#journal.over(entry);
        return entry;
      });
    this.#running.add(over);
    return {entry, over};
  }
}

function byWeight(faults: readonly Fault[], random: Random): Fault {
  const total = faults.reduce((sum, {weight}) => sum + weight, 0);
  let dice = random.next() * total;
  for (const fault of faults) {
    dice -= fault.weight;
    if (dice < 0) return fault;
  }
  return faults[0]!;
}
