/** The checks that apply.lua and merge.lua share (src/apply/sums.lua), and the number of chunks. */
import {corrupt, type Keyspace, type StoredValue} from './keyspace.js';

const WHOLE_TOTAL = /^-?[1-9]\d*$/;

export function requireTypes(
  keys: Keyspace,
  types: readonly (readonly [string, StoredValue['type']])[],
): void {
  for (const [key, wanted] of types) {
    const type = keys.get(key)?.type ?? wanted;
    if (type !== wanted) throw corrupt(key, `is a ${type}, not a ${wanted}`);
  }
}

export function requireReportTypes(keys: Keyspace, prefix: string): void {
  requireTypes(keys, [
    [`${prefix}report:products`, 'zset'],
    [`${prefix}report:users`, 'zset'],
    [`${prefix}report:totals`, 'hash'],
  ]);
}

export function requireTotals(keys: Keyspace, prefix: string, areRequired: boolean): void {
  const totalsKey = `${prefix}report:totals`;
  const totals = keys.hash(totalsKey);
  if (areRequired && !totals.has('orders'))
    throw corrupt(totalsKey, 'is missing, although Redis holds a position');
  for (const field of ['orders', 'units', 'revenue']) {
    const total = totals.get(field) ?? '0';
    const isWhole = total === '0' || (total.length <= 18 && WHOLE_TOTAL.test(total));
    if (!isWhole) throw corrupt(totalsKey, 'has a field that is not a whole number');
  }
}

export function requireWholeChunks(keys: Keyspace, prefix: string): void {
  const chunksKey = `${prefix}projector:chunks`;
  const chunks = keys.hash(chunksKey);
  const begun = chunks.get('begun');
  if (begun !== chunks.get('finished'))
    throw corrupt(chunksKey, 'shows that Redis has executed a chunk or a part of it twice');
  if (begun !== undefined && begun !== '0' && !(begun.length <= 18 && WHOLE_TOTAL.test(begun))) {
    throw corrupt(chunksKey, 'has a field that is not a whole number');
  }
}

/** Raises `begun` and `finished` together, because a chunk cannot be torn here. */
export function countChunk(keys: Keyspace, prefix: string): void {
  const key = `${prefix}projector:chunks`;
  const count = String(BigInt(keys.hash(key).get('begun') ?? '0') + 1n);
  keys.changeHash(
    key,
    [],
    [
      ['begun', count],
      ['finished', count],
    ],
  );
}
