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
import {AMOUNT_DIGITS_MAX, QUANTITY_DIGITS_MAX} from '../domain/order.js';
import {extraText, isJsonObject, NeedsExactNumbers, type JsonObject} from './fields.js';
import type {ExtraColumn, SourceSchema} from '../domain/sourceSchema.js';
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

const captured = (pattern: string): Leaf => ({pattern, captures: true});

export class RowShapes {
  readonly #schema: SourceSchema;
  readonly #shapes = new Shapes<RowChange>();
  /** False if an extra column is also an id, user or amount column. A shape captures a column only once, so it cannot serve both. */
  readonly #isPlain: boolean;

  constructor(schema: SourceSchema) {
    this.#schema = schema;
    const {id, userId, totalAmount} = schema.orders;
    this.#isPlain = !schema.extraColumns.some(({name}) => [id, userId, totalAmount].includes(name));
  }

  /** Returns undefined if the caller must parse the text. */
  read(text: string): RowChange | undefined {
    return this.#shapes.read(text);
  }

  /** Learns the shape of a text that contains a change. `parsed` is the parsed text. */
  learn(text: string, parsed: JsonObject): void {
    const places = placesIn(parsed);
    if (places === undefined || !this.#isPlain) return;
    const isOrder = valueAt(parsed, places.table) === this.#schema.orders.table;
    this.#shapes.learn(text, parsed, {
      leaf: (path, value) => this.#leafOf(places, isOrder, {path, value}),
      reader: (groupOf) => (isOrder ? this.#orderReader(places, groupOf) : this.#itemReader(places, groupOf)),
    });
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
    return isBefore && this.#ids(isOrder).includes(column) ? wholeNumberLeaf(value) : undefined;
  }

  #columnLeaf(
    isOrder: boolean,
    isDelete: boolean,
    {column, value}: {column: string; value: unknown},
  ): Leaf | undefined {
    const {orders, items, extraColumns, moneyDecimals} = this.#schema;
    if (this.#ids(isOrder).includes(column)) return wholeNumberLeaf(value);
    if (isDelete) return undefined;
    if (column === (isOrder ? orders.userId : items.productId)) return wholeNumberLeaf(value);
    if (!isOrder && column === items.quantity) return wholeNumberLeaf(value, QUANTITY_DIGITS_MAX);
    if (isOrder && column === orders.totalAmount) return amountLeaf(moneyDecimals);
    return isOrder && extraColumns.some(({name}) => name === column) ? captured(`(${SCALAR})`) : undefined;
  }

  #ids(isOrder: boolean): readonly string[] {
    const {orders, items} = this.#schema;
    return isOrder ? [orders.id] : [items.id, items.orderId];
  }

  #orderReader(places: Places, groupOf: GroupOf): (texts: Captured) => RowChange | undefined {
    const {orders, extraColumns} = this.#schema;
    const inRow = (column: string): number => groupOf([...places.row, column]);
    const [id, user, amount] = [inRow(orders.id), inRow(orders.userId), inRow(orders.totalAmount)];
    const [op, time] = [groupOf(places.op), groupOf(places.time)];
    const idBefore = places.before === undefined ? id : groupOf([...places.before, orders.id]);
    const extras = extraColumns.map((column) => ({column, group: inRow(column.name)}));
    return (texts) => {
      const orderId = texts[id] ?? '';
      const sourceTimeMs = time === 0 ? null : Number(texts[time]);
      if (places.isDelete) return {kind: 'change', change: {kind: 'order-deleted', orderId}, sourceTimeMs};
      if (texts[idBefore] !== orderId) return undefined;
      const extra = extras.length === 0 ? NO_EXTRA : extraTexts(extras, texts);
      if (extra === undefined) return undefined;
      const row = {userId: texts[user] ?? '', totalAmount: texts[amount] ?? '', extra};
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
    const [id, order, product, count] = [
      ...[inRow(items.id), inRow(items.orderId), inRow(items.productId), inRow(items.quantity)],
    ] as [number, number, number, number];
    const time = groupOf(places.time);
    const before = places.before ?? places.row;
    const [idBefore, orderBefore] = [groupOf([...before, items.id]), groupOf([...before, items.orderId])];
    return (texts) => {
      const [itemId = '', orderId = ''] = [texts[id], texts[order]];
      const sourceTimeMs = time === 0 ? null : Number(texts[time]);
      if (places.isDelete)
        return {kind: 'change', change: {kind: 'item-deleted', orderId, itemId}, sourceTimeMs};
      if (texts[idBefore] !== itemId || texts[orderBefore] !== orderId) return undefined;
      const item = {productId: texts[product] ?? '', quantity: texts[count] ?? ''};
      return {kind: 'change', change: {kind: 'item-upserted', orderId, itemId, item}, sourceTimeMs};
    };
  }
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

/** Matches the whole numbers that wholeNumber() and quantity() in fields.ts accept. */
function wholeNumberLeaf(value: unknown, digitsMax?: number): Leaf {
  const more = digitsMax === undefined ? '*' : `{0,${digitsMax - 1}}`;
  const digits = `(0|-?[1-9][0-9]${more})`;
  return captured(typeof value === 'string' ? `"${digits}"` : digits);
}

/** Matches the amounts that money() in fields.ts accepts. */
function amountLeaf(decimals: number): Leaf {
  const more = Math.max(0, AMOUNT_DIGITS_MAX - decimals - 1);
  const fraction = decimals === 0 ? '' : `\\.[0-9]{${decimals}}`;
  return captured(`"(-?(?:0|[1-9][0-9]{0,${more}})${fraction})"`);
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
