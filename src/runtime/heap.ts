/**
 * How far the heap may grow before it is collected as a whole.
 *
 * Node lets what lives grow fourfold. In a replay most of that is records that were applied long ago and outlived the quick
 * collections while they waited: with this limit a worker takes 38 MiB less, and 4 % more of processor time
 * (docs/performance.md).
 */
import {setFlagsFromString} from 'node:v8';

/** Of V8 (src/flags/flag-definitions.h): the heap is collected when it has grown by so many per cent. Read at each collection. */
export const HEAP_GROWTH_FLAG = '--heap-growing-percent=150';

export function limitHeapGrowth(): void {
  setFlagsFromString(HEAP_GROWTH_FLAG);
}
