/**
 * What a seed decides before a run: its size, and the faults that can happen. Each run has a subset of the
 * faults, so that all combinations occur.
 */
import {
  FAILPOINT_NAMES,
  MERGE_FAILPOINTS,
  type FailpointAction,
  type FailpointName,
} from '../../src/runtime/failpoints.js';
import type {KeyLayout} from '../../src/redis-model/keys.js';
import type {SourceSchema} from '../../src/domain/sourceSchema.js';
import type {ProjectorSettings} from '../../src/worker/projector.js';
import type {Random} from '../support/random.js';

/** Every fault with its weight. */
export const FAULTS = {
  'connection cut': 1,
  'reply too late': 1,
  crash: 0.7,
  'failpoint reached': 0,
  'worker freezes': 0.5,
  'unasked rebalance': 0.8,
  eviction: 0.5,
  'graceful stop': 0.5,
  'roll-back': 0.5,
  failover: 0.5,
  flush: 0.3,
  'Redis in trouble': 0.6,
  'Redis away': 0.5,
  'scripts lost': 0.5,
  'Kafka away': 0.5,
  // An offset commit is rarely in flight: a worker sends one every 5 s, and only if a position has moved.
  'offset commit fails': 9,
  'fetch jumps': 0.8,
  'late batch': 0.8,
  'offset gap': 0.8,
  'Debezium goes back': 0.4,
  'bad record': 0.8,
  'order corrupted': 0.5,
  'shared key corrupt': 0.25,
  'time jumps': 0.8,
  // Only in the layout `partitioned`, whose slots fail independently.
  'slots lose writes': 1,
} as const;
export type Fault = keyof typeof FAULTS;
export const FAULT_NAMES = Object.keys(FAULTS) as Fault[];

/** The faults that can happen in this layout. */
export function faultsOf(layout: KeyLayout): Fault[] {
  return FAULT_NAMES.filter((fault) => layout === 'partitioned' || fault !== 'slots lose writes');
}

/** Faults after which no worker has a reason to read a position again. */
const FAIR_WEATHER: readonly Fault[] = [
  'offset gap',
  'bad record',
  'Debezium goes back',
  'offset commit fails',
  'time jumps',
];

/** Faults after which a worker may never learn the outcome of its scripts. */
const OBSCURE: readonly Fault[] = [
  ...([
    'crash',
    'failpoint reached',
    'worker freezes',
    'unasked rebalance',
    'eviction',
    'graceful stop',
  ] as const),
  ...(['roll-back', 'failover', 'flush', 'shared key corrupt', 'slots lose writes'] as const),
];

/** After these, orders can be older than the reports. */
const LOSSES: readonly Fault[] = ['roll-back', 'failover', 'flush', 'slots lose writes'];

const CLEAR = FAULT_NAMES.filter((fault) => !OBSCURE.includes(fault));

export type OnOrderDelete = SourceSchema['items']['onOrderDelete'];

export interface Plan {
  readonly partitions: number;
  readonly workersMax: number;
  readonly prefix: string;
  /** What the delete of an order means for its line items. */
  readonly onOrderDelete: OnOrderDelete;
  /** The number of actions before the faults end. */
  readonly steps: number;
  /** The approximate number of records that the shop writes. */
  readonly records: number;
  readonly faults: ReadonlySet<Fault>;
  /** The share of faults among all actions. */
  readonly faultShare: number;
  readonly layout: KeyLayout;
  /** True if nothing can make a worker read its position again. */
  readonly isFair: boolean;
  /** True if one worker runs at a time, and only a lost reply can hide the outcome of a script from it. */
  readonly isClear: boolean;
}

export interface FailpointPlan {
  readonly name: FailpointName;
  readonly action: FailpointAction;
  readonly time: number;
}

export function drawPlan(random: Random, layout: KeyLayout): Plan {
  const isPartitioned = layout === 'partitioned';
  const known = random.chance(0.1) ? FAIR_WEATHER : random.chance(0.2) ? CLEAR : faultsOf(layout);
  const share = random.pick([0, 0.1, 0.25, 0.5, 1]);
  const faults = new Set(known.filter(() => random.chance(share)));
  if (isPartitioned) chooseLosses(faults, random);
  const workersMax = random.int(1, 3);
  const partitions = random.int(1, 3);
  return {
    partitions,
    workersMax,
    faults,
    layout,
    prefix: isPartitioned ? 'shop:' : random.pick(['', 'shop:']),
    onOrderDelete: random.pick(['cascade', 'keep']),
    // In `partitioned`, a worker sends about twice as many commands.
    steps: isPartitioned ? random.int(60, 350) : random.int(40, 200),
    records: random.int(10, 60),
    faultShare: random.pick([0.03, 0.1, 0.2]),
    isFair:
      partitions === 1 && workersMax === 1 && [...faults].every((fault) => FAIR_WEATHER.includes(fault)),
    isClear: workersMax === 1 && !OBSCURE.some((fault) => faults.has(fault)),
  };
}

/**
 * If orders lose the quarantine entry of a corrupt order, the replay can apply its record, but the reports are after it. docs/cluster.md
 * says that this is a limit of the layout. So a run has either corrupt orders or losses.
 */
function chooseLosses(faults: Set<Fault>, random: Random): void {
  if (!faults.has('order corrupted')) return;
  const left = random.chance(0.3) ? LOSSES : (['order corrupted'] as const);
  for (const fault of left) faults.delete(fault);
}

/** The settings of a worker of this run. */
export function drawSettings(
  random: Random,
  {partitions, topic}: {partitions: number; topic: string},
): ProjectorSettings {
  return {
    topic,
    partitions,
    quarantineMax: 1_000,
    quarantineWindow: 1_000,
    chunkOrdersMax: random.int(1, 4),
    chunkRecordsMax: random.pick([1, 3, 7, 20]),
    queueBytesMax: random.pick([1, 2_000, 100_000]),
    commitIntervalMs: 5_000,
    summaryIntervalMs: 60_000,
    stopTimeoutMs: 10_000,
  };
}

/**
 * Failpoints at which an error would reject a promise that no code awaits. A kill does not do so, and a real
 * error cannot occur there.
 */
const NO_THROW: readonly FailpointName[] = ['script-in-flight', 'merge-in-flight', 'offset-commit-in-flight'];

export function drawFailpoint(random: Random, isPartitioned: boolean): FailpointPlan {
  const name = random.pick(FAILPOINT_NAMES.filter((one) => isPartitioned || !MERGE_FAILPOINTS.includes(one)));
  const action = random.pick(['kill', 'kill', 'kill', 'block', 'throw'] as const);
  const safe = action === 'throw' && NO_THROW.includes(name) ? 'kill' : action;
  return {name, action: safe, time: random.int(1, 6)};
}
