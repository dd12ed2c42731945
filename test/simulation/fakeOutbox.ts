/** The outbox in TypeScript, as src/apply/outbox.lua writes it (src/redis-model/outbox.ts describes the text of an entry). */
import type {Keyspace} from './keyspace.js';
import type {Sums} from './scriptSums.js';

const REMOVALS_MAX = 4;
/** A sum of amounts is sent in two parts. */
export const REVENUE_UNIT = 10n ** 8n;

interface OutboxPlace {
  readonly prefix: string;
  /** Products whose counter must exist. */
  readonly products: readonly string[];
  /** `FROM TO MERGED KEEP`: the sixth argument of apply.lua. */
  readonly outbox: string;
}

/** Removes entries that are no longer needed, appends one, and returns it. */
export function addToOutbox(keys: Keyspace, {prefix, products, outbox}: OutboxPlace, sums: Sums): string {
  const key = `${prefix}projector:outbox`;
  const nowMs = keys.nowMs();
  const [from = '', to = '', merged = '', keptMs = ''] = outbox.split(' ');
  const entries = keys.list(key);
  let removed = 0;
  while (removed < REMOVALS_MAX) {
    const [, end, atMs] = /^\d+ (\d+) (\d+) /.exec(entries[removed] ?? '') ?? [];
    if (end === undefined || BigInt(end) > BigInt(merged) || Number(atMs) + Number(keptMs) > nowMs) break;
    removed++;
  }
  const isNamed = new Set(products);
  const units = new Map(products.map((product) => [product, 0n]));
  for (const [product, delta] of sums.units)
    if (delta !== 0n || isNamed.has(product)) units.set(product, delta);
  const spent = [...sums.spent].filter(([, delta]) => delta !== 0n);
  const revenue = [sums.revenue / REVENUE_UNIT, sums.revenue % REVENUE_UNIT];
  const head = [from, to, nowMs, sums.orders, sums.totalUnits, ...revenue].join(' ');
  const entry = `${head}|${textOf([...units])}|${textOf(spent)}`;
  keys.setList(key, [...entries.slice(removed), entry]);
  return entry;
}

function textOf(sums: readonly (readonly [string, bigint])[]): string {
  return sums.flat().join(' ');
}
