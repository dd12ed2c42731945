/**
 * The apply script in TypeScript for a Redis in memory, written from the header of src/apply/apply.lua.
 * test/integration/fakeRedisContract.test.ts runs random commands on both, and fails if they differ.
 */
import {corrupt, type Keyspace, type ScriptFunction} from './keyspace.js';
import {
  countChunk,
  requireReportTypes,
  requireTotals,
  requireTypes,
  requireWholeChunks,
} from './fakeChecks.js';
import {addToOutbox} from './fakeOutbox.js';
import {readArguments, type Patch, type ScriptInput} from './scriptInput.js';
import {
  amountOfLines,
  countLines,
  countOrder,
  moveCounters,
  moveReports,
  noSums,
  smallestUnit,
  type Sums,
} from './scriptSums.js';

interface OrderWrite {
  readonly orderKey: string;
  readonly linesKey: string;
  readonly reset: boolean;
  /** Undefined if the line items do not change. */
  readonly lines: string | undefined;
  /** Undefined if the hash of the order does not change. */
  readonly fields: (readonly [string, string])[] | undefined;
  readonly deleteFields: readonly string[];
}

/** Thrown while a patch is planned. `applyChunk` returns its reply. */
class CorruptOrder extends Error {
  readonly reply: string[];

  constructor(orderId: string, what: string) {
    super(what);
    this.reply = ['corrupt', orderId, what];
  }
}

/** Runs the script: returns its reply, or throws its error. */
export const applyChunk: ScriptFunction = (keys, positionKey, args) => {
  const stored = keys.string(positionKey) ?? '';
  if (stored !== args[0]) return ['rejected', stored];
  const input = readArguments(args);
  const layoutKey = `${input.prefix}projector:layout`;
  const layout = keys.string(layoutKey);
  if (layout !== null && layout !== input.layout) return ['layout', layout];
  const lease = input.audit?.isTruncated === true ? keys.string(`${input.prefix}projector:audit-lease`) : '';
  if (input.audit?.isTruncated === true && !/^\S+ audit-repair /.test(lease ?? '')) return ['unaudited'];
  requireSoundSharedKeys(keys, input, {hasPosition: stored !== '', hasLayout: layout !== null});

  const sums = noSums();
  let writes: OrderWrite[];
  try {
    const areNew = [...input.created.itemFields.keys()].every((id) => isAbsent(keys, input.prefix, id));
    writes = input.patches.map((patch, index) => {
      // The created orders come first. At this index the sums contain only them.
      if (index === input.created.itemFields.size && areNew) requireSameSums(sums, input.created);
      const write = planPatch(keys, patch, {input, sums});
      if (areNew) requireSameItems(write, input.created.itemFields.get(patch.id));
      return write;
    });
  } catch (error) {
    if (error instanceof CorruptOrder) return error.reply;
    throw error;
  }
  const entry = writeSums(keys, input, sums);
  for (const write of writes) writeOrder(keys, write);
  if (input.settled.length > 0 || input.quarantined.length > 0) {
    keys.changeHash(`${input.prefix}projector:quarantine`, input.settled, input.quarantined);
  }
  if (input.audit !== undefined)
    keys.changeHash(`${input.prefix}projector:audit`, [], [['requested', input.audit.request]]);
  if (layout === null) keys.setString(layoutKey, input.layout);
  keys.setString(positionKey, input.next);
  countChunk(keys, input.prefix);
  return ['applied', String(input.patches.length), entry];
};

/** Writes counters and reports, or adds the differences to the outbox. Returns the entry of the outbox, or ''. */
function writeSums(keys: Keyspace, input: ScriptInput, sums: Sums): string {
  const {prefix, products, outbox} = input;
  if (outbox !== undefined) return addToOutbox(keys, {prefix, products, outbox}, sums);
  moveCounters(keys, input, sums);
  moveReports(keys, prefix, sums);
  return '';
}

function requireSoundSharedKeys(
  keys: Keyspace,
  {prefix, audit, outbox}: ScriptInput,
  {hasPosition, hasLayout}: {hasPosition: boolean; hasLayout: boolean},
): void {
  if (outbox === undefined) requireReportTypes(keys, prefix);
  requireTypes(keys, [
    ...(outbox === undefined ? [] : [[`${prefix}projector:outbox`, 'list'] as const]),
    [`${prefix}projector:quarantine`, 'hash'],
    ...(audit === undefined ? [] : [[`${prefix}projector:audit`, 'hash'] as const]),
  ]);
  if (outbox === undefined) requireTotals(keys, prefix, hasPosition);
  if (hasPosition && !hasLayout)
    throw corrupt(`${prefix}projector:layout`, 'is missing, although Redis holds a position');
  requireWholeChunks(keys, prefix);
}

function isAbsent(keys: Keyspace, prefix: string, id: string): boolean {
  return (
    keys.get(`${prefix}order:${id}`) === undefined && keys.get(`${prefix}order_lines:${id}`) === undefined
  );
}

/** The sums that the worker sent for the created orders must be those that the script would compute. */
function requireSameSums(sums: Sums, created: ScriptInput['created']): void {
  const isSame =
    sums.totalUnits === created.units &&
    sums.revenue === created.revenue &&
    sums.orders === BigInt(created.itemFields.size) &&
    [...sums.units].every(([product, count]) => created.sold.get(product) === count) &&
    [...sums.spent].every(([user, amount]) => created.spent.get(user) === amount);
  if (!isSame) throw new Error('the sums sent for the created orders differ from the sums of their patches');
}

function requireSameItems({fields = []}: OrderWrite, given: readonly [string, string] | undefined): void {
  if (given === undefined) return;
  const found = ['items_count', 'items'].map((name) => fields.find(([field]) => field === name)?.[1]);
  if (found[0] !== given[0] || found[1] !== given[1]) {
    throw new Error('the items sent for a created order differ from its line items');
  }
}

/** Reads the stored order, subtracts it from the sums, and adds the new state. */
function planPatch(
  keys: Keyspace,
  patch: Patch,
  {input, sums}: {input: ScriptInput; sums: Sums},
): OrderWrite {
  const {itemDecimals} = input;
  const orderKey = `${input.prefix}order:${patch.id}`;
  const linesKey = `${input.prefix}order_lines:${patch.id}`;
  const corrupt = (key: string, what: string): CorruptOrder => new CorruptOrder(patch.id, `${key} ${what}`);
  if ((keys.get(orderKey)?.type ?? 'hash') !== 'hash') throw corrupt(orderKey, 'is not a hash');
  const before = keys.hash(orderKey);
  requireWholeOrder(before, () => corrupt(orderKey, 'lacks user_id or total_amount'));
  const userBefore = before.get('user_id');
  const amountBefore = before.get('total_amount');
  const existed = userBefore !== undefined && amountBefore !== undefined;
  const reset = patch.mode === 'replace' || patch.mode === 'clear';
  const hides = patch.mode === 'hide';
  const keepsLines = existed && !reset && !hides && patch.lines.length === 0;
  const isKept = keepsLines && input.extraNames.length === 0 && patch.row !== undefined;
  const isSame = isKept && patch.row.user === userBefore;
  if (isSame && (itemDecimals !== undefined || patch.row.amount === amountBefore)) {
    return {orderKey, linesKey, reset, lines: undefined, fields: undefined, deleteFields: []};
  }
  if (!keepsLines && (keys.get(linesKey)?.type ?? 'string') !== 'string') {
    throw corrupt(linesKey, 'is not a string');
  }
  const linesBefore = keepsLines ? '' : (keys.string(linesKey) ?? '');
  const lines = linesOf(linesBefore, itemDecimals !== undefined);
  if (lines === undefined) throw corrupt(linesKey, 'holds a line item that cannot be read');
  if (existed) {
    countLines(sums, lines, -1n);
    if (!countOrder(sums, {user: userBefore, amount: amountBefore}, -1n)) {
      throw corrupt(orderKey, 'holds a total_amount that cannot be read');
    }
  }
  if (reset) lines.clear();
  for (const [id, line] of patch.lines) {
    if (line === '') lines.delete(id);
    else lines.set(id, line);
  }
  const linesAfter = byId(lines)
    .map(([id, line]) => `${id}:${line}`)
    .join(';');
  const given =
    patch.row ?? (existed && !reset && !hides ? {user: userBefore, amount: amountBefore} : undefined);
  const row = given && withAmount(given, {itemDecimals, lines: keepsLines ? undefined : lines, amountBefore});
  if (row !== undefined) {
    countLines(sums, lines, 1n);
    if (!countOrder(sums, row, 1n)) throw corrupt(orderKey, 'would hold a total_amount that cannot be read');
  }
  const fields =
    row === undefined
      ? undefined
      : [
          ...rowFields(patch, row, input.extraNames),
          ...(itemDecimals === undefined ? [] : [['total_amount', row.amount] as [string, string]]),
          ...(keepsLines ? [] : itemFields(lines)),
        ];
  const deleteFields = reset ? [] : input.extraNames.filter((_, index) => patch.row?.extra[index] === null);
  const changed = linesAfter === linesBefore ? undefined : linesAfter;
  return {orderKey, linesKey, reset: reset || hides, lines: changed, fields, deleteFields};
}

/** The amount of an order that has none of its own follows from its line items. It stays if they stay. */
function withAmount(
  {user, amount}: {user: string; amount: string},
  from: {
    itemDecimals: number | undefined;
    lines: ReadonlyMap<string, string> | undefined;
    amountBefore: string | undefined;
  },
): {user: string; amount: string} {
  if (from.itemDecimals === undefined) return {user, amount};
  const computed =
    from.lines === undefined ? from.amountBefore : amountOfLines(from.lines, from.itemDecimals);
  return {user, amount: computed ?? ''};
}

function requireWholeOrder(fields: ReadonlyMap<string, string>, failure: () => Error): void {
  if (fields.has('user_id') !== fields.has('total_amount')) throw failure();
}

/** The line items of an order by id. Undefined if the text has another form. */
function linesOf(text: string, hasAmounts: boolean): Map<string, string> | undefined {
  const lines = new Map<string, string>();
  let last: string | undefined;
  for (const part of text === '' ? [] : text.split(';')) {
    const [id = '', product = '', ...numbers] = part.split(':');
    if (!/^[\w%.~/-]+$/.test(id) || !/^[\w%.~/-]*$/.test(product)) return undefined;
    if (numbers.length !== (hasAmounts ? 2 : 1)) return undefined;
    if (numbers.some((number) => smallestUnit(number) === undefined)) return undefined;
    if (last !== undefined && !isBefore(last, id)) return undefined;
    lines.set(id, [product, ...numbers].join(':'));
    last = id;
  }
  return lines;
}

/**
 * Compares ids as numbers without leading zeros. An id with leading zeros is longer, so it counts as larger.
 */
function isBefore(a: string, b: string): boolean {
  if (a.startsWith('-') !== b.startsWith('-')) return a.startsWith('-');
  const [low, high] = a.startsWith('-') ? [b, a] : [a, b];
  return low.length === high.length ? low < high : low.length < high.length;
}

function byId(lines: ReadonlyMap<string, string>): [string, string][] {
  return [...lines].sort(([a], [b]) => (isBefore(a, b) ? -1 : 1));
}

function rowFields(
  {id, row: given}: Patch,
  row: {user: string; amount: string},
  extraNames: readonly string[],
): [string, string][] {
  if (given === undefined) return [];
  const fields: [string, string][] = [
    ['id', id],
    ['user_id', row.user],
    ['total_amount', row.amount],
  ];
  extraNames.forEach((name, index) => {
    const value = given.extra[index] ?? null;
    if (value !== null) fields.push([name, value]);
  });
  return fields;
}

function itemFields(lines: ReadonlyMap<string, string>): [string, string][] {
  const items = byId(lines).map(([, line]) => {
    const [product, quantity] = line.split(':');
    return `product_id:${product},quantity:${quantity}`;
  });
  return [
    ['items_count', String(lines.size)],
    ['items', items.join(';')],
  ];
}

function writeOrder(keys: Keyspace, write: OrderWrite): void {
  const {orderKey, linesKey, reset, lines, fields, deleteFields} = write;
  if (reset) keys.put(orderKey, undefined);
  if (lines === '') keys.put(linesKey, undefined);
  else if (lines !== undefined) keys.setString(linesKey, lines);
  if (fields !== undefined) keys.changeHash(orderKey, deleteFields, fields);
}
