/**
 * What the data in Redis depends on beside the rows: written by the first script, compared by every later one (I13).
 *
 *   v2 topic=shop.order-events partitions=6 decimals=2 columns=status:text,created_at:time
 *
 * Another topic, other decimals or other extra columns over old data would leave a mixture that no later event mends; more
 * partitions would put later events of an order beside its earlier ones, in any order (S2). A new version of this program
 * that keeps the data otherwise counts `v2` up (`v1` kept the lines of an order in a hash).
 *
 * Pure: no clock, no I/O.
 */
import type {ExtraColumn} from '../domain/sourceSchema.js';
import {ProjectorError} from '../runtime/errors.js';

export interface Layout {
  readonly topic: string;
  readonly partitions: number;
  readonly moneyDecimals: number;
  readonly extraColumns: readonly ExtraColumn[];
}

export function formatLayout({topic, partitions, moneyDecimals, extraColumns}: Layout): string {
  const columns = extraColumns.map(({name, type}) => `${name}:${type}`).join(',');
  return `v2 topic=${topic} partitions=${partitions} decimals=${moneyDecimals} columns=${columns}`;
}

/** Throws `layout-changed`, or `partitions-changed` when that is the difference, naming what differs. */
export function requireSameLayout(stored: string, ours: string): void {
  if (stored === ours) return;
  const theirs = new Map(stored.split(' ').map(fieldOf));
  const differences = ours
    .split(' ')
    .map(fieldOf)
    .filter(([name, value]) => theirs.get(name) !== value)
    .map(([name, value]) => ({name, text: `${name} is "${value}", and was "${theirs.get(name) ?? ''}"`}));
  const kind = differences.some(({name}) => name === 'partitions') ? 'partitions-changed' : 'layout-changed';
  const texts = differences.map(({text}) => text).join('; ');
  throw new ProjectorError(kind, `Redis was filled with other settings: ${texts}`);
}

function fieldOf(text: string): [name: string, value: string] {
  const at = text.indexOf('=');
  return at < 0 ? ['form', text] : [text.slice(0, at), text.slice(at + 1)];
}
