/** Reads what the nodes of a Redis Cluster say about the slots. */
import {SLOT_COUNT} from '../../src/clients/redis/hashSlot.js';

/** An entry of CLUSTER SLOTS: the first and the last slot, the master, and its replicas. */
export type SlotRange = [first: number, last: number, ...nodes: [host: string, port: number][]];

export function hasAllSlots(ranges: readonly SlotRange[]): boolean {
  return ranges.reduce((sum, [first, last]) => sum + last - first + 1, 0) === SLOT_COUNT;
}

/** The ports of the masters that have slots. */
export function mastersIn(ranges: readonly SlotRange[]): number[] {
  return [...new Set(ranges.flatMap(([, , master]) => master?.[1] ?? []))];
}

/** The ports of their replicas. */
export function replicasIn(ranges: readonly SlotRange[]): number[] {
  return [...new Set(ranges.flatMap(([, , , ...replicas]) => replicas.map(([, port]) => port)))];
}

/** How many slots a reply to CLUSTER NODES assigns. */
export function slotCount(nodes: string): number {
  let count = 0;
  for (const line of nodes.trim().split('\n')) {
    for (const range of line.split(' ').slice(8)) {
      const [, first, last = first] = /^(\d+)(?:-(\d+))?$/.exec(range) ?? [];
      if (first !== undefined) count += Number(last) - Number(first) + 1;
    }
  }
  return count;
}
