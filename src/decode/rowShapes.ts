/**
 * Reads row events of a known shape from their texts, without a JSON parser.
 *
 * The reader of a shape returns the same change that decode.ts gets from the parsed text. If it cannot guarantee this, it returns
 * undefined, and decode.ts parses the text.
 *
 * I8: The pattern captures ids, quantities and amounts as text, so they are exact at any size. It matches only texts that satisfy
 * the rules of fields.ts: they are canonical and not too long.
 *
 * Pure: no clock, no I/O.
 */
import type {Change} from '../domain/change.js';
import {holds, type Condition} from '../domain/condition.js';
import {AMOUNT_DIGITS_MAX, fromSmallestUnit, QUANTITY_DIGITS_MAX} from '../domain/order.js';
import {extraText, isJsonObject, NeedsExactNumbers, type JsonObject} from './fields.js';
import type {ExtraColumn, SourceSchema} from '../domain/sourceSchema.js';
import {captured, decimalLeaf, idLeaf, optionalIdLeaf, wholeNumberLeaf} from './leaves.js';
import {orderDeletionOf} from './rows.js';
import {SCALAR, same, Shapes, type Captured, type GroupOf, type Leaf} from './shapes.js';

export interface RowChange {
  readonly kind: 'change';
  readonly change: Change;
  readonly sourceTimeMs: number | null;
}

/** The paths of the parts of a row event in its text. */
interface Places {
  readonly table: readonly string[];
  readonly op: readonly string[];
  readonly time: readonly string[];
  readonly row: readonly string[];
  /** The path of the row before the change. It is undefined if the text contains no such row, and for a delete. */
  readonly before: readonly string[] | undefined;
  /** The meaning of the text depends on these scalars, so another text must have the same values to match. */
  readonly fixed: readonly (readonly string[])[];
  readonly isDelete: boolean;
}

export class RowShapes {
  readonly #schema: SourceSchema;
  readonly #shapes = new Shapes<RowChange>();
  /**
   * Whether the rows of a table have shapes. They have none if a column has two uses that need different patterns, for example an extra
   * column that is also the amount, or if an amount is computed from several columns. Then every text is parsed.
   */
  readonly #isPlain: {readonly orders: boolean; readonly items: boolean};
  readonly #orderTerms: readonly ExtraColumn[];
  readonly #itemTerms: readonly ExtraColumn[];

  constructor(schema: SourceSchema) {
    this.#schema = schema;
    const {orders, items, extraColumns} = schema;
    this.#orderTerms = orders.where.map(({column}) => ({name: column, type: 'text'}));
    this.#itemTerms = items.where.map(({column}) => ({name: column, type: 'text'}));
    const ofOrders = [orders.id, orders.userId, ...orders.totalAmount];
    const ofItems = [...items.id, items.orderId, items.productId, items.quantity];
    this.#isPlain = {
      orders:
        orders.totalAmount.length === 1 &&
        orders.earlier.size === 0 &&
        areDistinct(ofOrders) &&
        ![...extraColumns, ...this.#orderTerms].some(({name}) => ofOrders.includes(name)),
      items:
        items.amount.length === 0 &&
        items.earlier.size === 0 &&
        areDistinct(ofItems) &&
        !this.#itemTerms.some(({name}) => ofItems.includes(name)),
    };
  }

  /** Returns undefined if the caller must parse the text. */
  read(text: string): RowChange | undefined {
    return this.#shapes.read(text);
  }

  /** Learns the shape of a text that contains this change. `parsed` is the parsed text. */
  learn(text: string, parsed: JsonObject, change: Change): void {
    const places = placesIn(parsed);
    if (places === undefined) return;
    const isOrder = valueAt(parsed, places.table) === this.#schema.orders.table;
    if (!(isOrder ? this.#isPlain.orders : this.#isPlain.items)) return;
    // A row that does not count can hold any values, so that texts of rows that count would not match its shape.
    if (!places.isDelete && (change.kind === 'order-hidden' || change.kind === 'item-deleted')) return;
    // A number without all its decimals does not match the pattern of its own shape. That says nothing about later texts.
    if (!places.isDelete && !this.#hasAllDecimals(parsed, places, isOrder)) return;
    this.#shapes.learn(text, parsed, {
      leaf: (path, value) => this.#leafOf(places, isOrder, {path, value}),
      reader: (groupOf) => (isOrder ? this.#orderReader(places, groupOf) : this.#itemReader(places, groupOf)),
    });
  }

  #hasAllDecimals(parsed: JsonObject, {row}: Places, isOrder: boolean): boolean {
    const {orders, items, moneyDecimals, quantityDecimals} = this.#schema;
    const value = valueAt(parsed, [...row, isOrder ? (orders.totalAmount[0] ?? '') : items.quantity]);
    if (typeof value !== 'string') return isOrder ? orders.isMinor : quantityDecimals === 0;
    if (isOrder && orders.isMinor) return true;
    const decimals = isOrder ? moneyDecimals : quantityDecimals;
    return (value.split('.')[1] ?? '').length >= decimals && !/^-[0.]*$/.test(value);
  }

  #leafOf(
    places: Places,
    isOrder: boolean,
    {path, value}: {path: readonly string[]; value: unknown},
  ): Leaf | undefined {
    const {table, op, time, row, before, fixed, isDelete} = places;
    const is = (other: readonly string[]): boolean => samePath(path, other);
    if (is(table) || fixed.some(is)) return same(value);
    if (is(op)) return isDelete ? same(value) : captured('"([cru])"');
    if (is(time)) return typeof value === 'number' ? captured('([0-9]{1,15})') : same(value);
    const column = path.at(-1) ?? '';
    if (samePath(path.slice(0, -1), row)) return this.#columnLeaf(isOrder, isDelete, {column, value});
    const isBefore = before !== undefined && samePath(path.slice(0, -1), before);
    return isBefore && this.#ids(isOrder).includes(column) ? idLeaf(value) : undefined;
  }

  #columnLeaf(
    isOrder: boolean,
    isDelete: boolean,
    {column, value}: {column: string; value: unknown},
  ): Leaf | undefined {
    const {orders, items, extraColumns, moneyDecimals, quantityDecimals} = this.#schema;
    if (this.#ids(isOrder).includes(column)) return idLeaf(value);
    if (isDelete) return undefined;
    if (column === (isOrder ? orders.userId : items.productId)) return optionalIdLeaf(value);
    if (!isOrder && column === items.quantity)
      return typeof value === 'string'
        ? decimalLeaf(quantityDecimals, QUANTITY_DIGITS_MAX)
        : wholeNumberLeaf(value, QUANTITY_DIGITS_MAX);
    if (isOrder && orders.totalAmount.includes(column))
      return orders.isMinor
        ? wholeNumberLeaf(value, AMOUNT_DIGITS_MAX)
        : decimalLeaf(moneyDecimals, AMOUNT_DIGITS_MAX);
    const texts = isOrder ? [...extraColumns, ...this.#orderTerms] : this.#itemTerms;
    return texts.some(({name}) => name === column) ? captured(`(${SCALAR})`) : undefined;
  }

  #ids(isOrder: boolean): readonly string[] {
    const {orders, items} = this.#schema;
    return isOrder ? [orders.id] : [...items.id, items.orderId];
  }

  #orderReader(places: Places, groupOf: GroupOf): (texts: Captured) => RowChange | undefined {
    const {orders, extraColumns, moneyDecimals} = this.#schema;
    const inRow = (column: string): number => groupOf([...places.row, column]);
    const [id, user, amount] = [inRow(orders.id), inRow(orders.userId), inRow(orders.totalAmount[0] ?? '')];
    const counts = conditionReader(orders.where, this.#orderTerms, inRow);
    const [op, time] = [groupOf(places.op), groupOf(places.time)];
    const idBefore = places.before === undefined ? id : groupOf([...places.before, orders.id]);
    const extras = extraColumns.map((column) => ({column, group: inRow(column.name)}));
    return (texts) => {
      const orderId = texts[id] ?? '';
      const sourceTimeMs = time === 0 ? null : Number(texts[time]);
      if (places.isDelete)
        return {kind: 'change', change: orderDeletionOf(orderId, this.#schema), sourceTimeMs};
      if (texts[idBefore] !== orderId) return undefined;
      const doesCount = counts(texts);
      if (doesCount === undefined) return undefined;
      if (!doesCount) return {kind: 'change', change: {kind: 'order-hidden', orderId}, sourceTimeMs};
      const extra = extras.length === 0 ? NO_EXTRA : extraTexts(extras, texts);
      if (extra === undefined) return undefined;
      const userId = texts[user] ?? '';
      const found = texts[amount] ?? '';
      const row = {
        userId: userId === orders.guestUserId ? '' : userId,
        totalAmount: orders.isMinor ? fromSmallestUnit(BigInt(found), moneyDecimals) : found,
        extra,
      };
      const change: Change =
        texts[op] === 'u'
          ? {kind: 'order-upserted', orderId, row}
          : {kind: 'order-upserted', orderId, row, isCreate: true};
      return {kind: 'change', change, sourceTimeMs};
    };
  }

  #itemReader(places: Places, groupOf: GroupOf): (texts: Captured) => RowChange | undefined {
    const {items} = this.#schema;
    const inRow = (column: string): number => groupOf([...places.row, column]);
    const id = joined(items.id.map(inRow));
    const [order, product, count] = [inRow(items.orderId), inRow(items.productId), inRow(items.quantity)];
    const time = groupOf(places.time);
    const before = places.before ?? places.row;
    const counts = conditionReader(items.where, this.#itemTerms, inRow);
    const idBefore = joined(items.id.map((column) => groupOf([...before, column])));
    const orderBefore = groupOf([...before, items.orderId]);
    return (texts) => {
      const [itemId, orderId = ''] = [id(texts), texts[order]];
      const sourceTimeMs = time === 0 ? null : Number(texts[time]);
      if (places.isDelete)
        return {kind: 'change', change: {kind: 'item-deleted', orderId, itemId}, sourceTimeMs};
      if (idBefore(texts) !== itemId || texts[orderBefore] !== orderId) return undefined;
      const doesCount = counts(texts);
      if (doesCount === undefined) return undefined;
      if (!doesCount) return {kind: 'change', change: {kind: 'item-deleted', orderId, itemId}, sourceTimeMs};
      const item = {productId: texts[product] ?? '', quantity: texts[count] ?? ''};
      return {kind: 'change', change: {kind: 'item-upserted', orderId, itemId, item}, sourceTimeMs};
    };
  }
}

/** Returns whether a row satisfies the condition, and undefined if the caller must parse the text. */
function conditionReader(
  condition: Condition,
  columns: readonly ExtraColumn[],
  inRow: (column: string) => number,
): (texts: Captured) => boolean | undefined {
  if (condition.length === 0) return () => true;
  // A row without the column counts as NULL. It has a shape only if the condition names NULL (fields.ts).
  const groups = columns.map((column) => ({column, group: inRow(column.name)}));
  return (texts) => {
    const values = extraTexts(groups, texts);
    return values && holds(condition, (term) => values[condition.indexOf(term)] ?? null);
  };
}

const NO_EXTRA: readonly (string | null)[] = [];

function extraTexts(
  extras: readonly {column: ExtraColumn; group: number}[],
  texts: Captured,
): (string | null)[] | undefined {
  try {
    return extras.map(({column, group}) =>
      extraText(
        {[column.name]: group === 0 ? null : (JSON.parse(texts[group] ?? 'null') as unknown)},
        column,
      ),
    );
  } catch (error) {
    if (error instanceof NeedsExactNumbers) return undefined;
    throw error;
  }
}

function areDistinct(names: readonly string[]): boolean {
  return new Set(names).size === names.length;
}

/** Reads the id that these groups form together. */
function joined(groups: readonly number[]): (texts: Captured) => string {
  const [first = 0, ...others] = groups;
  return (texts) => others.reduce((id, group) => `${id}/${texts[group] ?? ''}`, texts[first] ?? '');
}

/** Returns the paths at which decode.ts finds the row event of this text. */
function placesIn(parsed: JsonObject): Places | undefined {
  const base = 'payload' in parsed && 'schema' in parsed ? ['payload'] : [];
  const body = base.length === 0 ? parsed : parsed['payload'];
  if (!isJsonObject(body)) return undefined;
  const at = (...names: string[]): readonly string[] => [...base, ...names];
  if (isJsonObject(body['source'])) {
    if (typeof body['op'] !== 'string') return undefined;
    const isDelete = body['op'] === 'd';
    const hasBefore = !isDelete && isJsonObject(body['before']);
    return {
      table: at('source', 'table'),
      op: at('op'),
      time: at('source', 'ts_ms'),
      row: at(isDelete ? 'before' : 'after'),
      before: hasBefore ? at('before') : undefined,
      // If `before` or `after` is not a row here, it must not be one in a matching text. Otherwise the reader would skip the check
      // of an update against the row before it.
      fixed: [at('before'), at('after'), at('source', 'db')],
      isDelete,
    };
  }
  const isDelete = body['__op'] === 'd' || body['__deleted'] === 'true' || body['__deleted'] === true;
  return {
    table: at('__table'),
    op: at('__op'),
    time: at('__source_ts_ms'),
    row: base,
    before: undefined,
    fixed: [at('__deleted'), at('__source_db')],
    isDelete,
  };
}

function valueAt(body: JsonObject, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, name) => (isJsonObject(value) ? value[name] : undefined), body);
}

function samePath(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, depth) => name === b[depth]);
}
