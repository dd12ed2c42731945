/**
 * What the data in Redis depends on in addition to the rows. The first script writes it, and every later script compares it (I13).
 *
 *   v2 topic=shop.order-events partitions=6 decimals=2 columns=status:text,created_at:time orders-where=status%3Dpaid
 *
 * With another topic, other decimals or other extra columns, a worker would mix new data with old data. No later event repairs this.
 * With more partitions, later events of an order can be in another partition than its earlier events. Then their order is lost (S2).
 * A version of this program that stores the data in another form increments `v2` (`v1` stored the line items of an order in a hash).
 *
 * Pure: no clock, no I/O.
 */
import type {ExtraColumn} from '../domain/sourceSchema.js';
import {ProjectorError} from '../runtime/errors.js';
import type {KeyLayout} from './keys.js';

export interface Layout {
  readonly topic: string;
  readonly partitions: number;
  readonly moneyDecimals: number;
  readonly extraColumns: readonly ExtraColumn[];
  /** Where the keys are (keys.ts). `single` is left out of the text. */
  readonly keyLayout?: KeyLayout;
  /** What a row means: conditions, guests, columns of the amount. A field with its default value is left out. */
  readonly mapping?: Readonly<Record<string, string>>;
}

export function formatLayout(layout: Layout): string {
  const {topic, partitions, moneyDecimals, extraColumns, mapping = {}, keyLayout = 'single'} = layout;
  const keys = keyLayout === 'single' ? '' : ` keys=${keyLayout}`;
  const columns = extraColumns.map(({name, type}) => `${name}:${type}`).join(',');
  const fields = Object.entries(mapping).map(([name, value]) => ` ${name}=${encodeURIComponent(value)}`);
  return `v2 topic=${topic} partitions=${partitions} decimals=${moneyDecimals} columns=${columns}${keys}${fields.join('')}`;
}

/** The number of partitions in the text of a layout. Undefined if it has none. */
export function partitionsIn(layout: string): number | undefined {
  const [, partitions] = / partitions=(\d+)/.exec(layout) ?? [];
  return partitions === undefined ? undefined : Number(partitions);
}

/** Throws `layout-changed`, or `partitions-changed` if the number of partitions differs. The error names all differences. */
export function requireSameLayout(stored: string, ours: string): void {
  if (stored === ours) return;
  const [theirs, mine] = [stored, ours].map((text) => new Map(text.split(' ').map(fieldOf)));
  const differences = [...new Set([...(mine?.keys() ?? []), ...(theirs?.keys() ?? [])])]
    .map((name) => ({name, is: mine?.get(name) ?? '', was: theirs?.get(name) ?? ''}))
    .filter(({is, was}) => is !== was)
    .map(({name, is, was}) => ({name, text: `${name} is "${shown(is)}", and was "${shown(was)}"`}));
  const kind = differences.some(({name}) => name === 'partitions') ? 'partitions-changed' : 'layout-changed';
  const texts = differences.map(({text}) => text).join('; ');
  throw new ProjectorError(kind, `the read model in Redis was built with other settings: ${texts}`);
}

/** The values of the mapping are encoded, because they can contain blanks. */
function shown(value: string): string {
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

function fieldOf(text: string): [name: string, value: string] {
  const at = text.indexOf('=');
  return at < 0 ? ['form', text] : [text.slice(0, at), text.slice(at + 1)];
}
