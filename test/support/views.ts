/** Builders of worker views (worker/workerView.ts) for tests. */
import type {PartitionView, WorkerView} from '../../src/worker/workerView.js';
import {noCounts} from '../../src/worker/outcomes.js';

export function partitionView(known: Partial<PartitionView> = {}): PartitionView {
  const nothing = {position: null, committed: null, start: null, end: null, lagRecords: null};
  return {partition: 0, ...nothing, stuckMs: 0, held: null, ...known};
}

/** The view of a healthy worker, except for the given fields. */
export function workerView(known: Partial<WorkerView> = {}): WorkerView {
  return {
    state: 'running',
    nowMs: 0,
    startedMs: 0,
    version: '0.0.0',
    group: 'order-projector',
    topic: 'shop.order-events',
    hasJoined: true,
    isKafkaUp: true,
    isRedisUp: true,
    connector: null,
    audit: null,
    partitions: [],
    counts: noCounts(),
    otherTables: new Map(),
    rebalances: 1,
    troubles: [],
    errors: [],
    ...known,
  };
}
