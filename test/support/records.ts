/** Builders of records in the form of Debezium. Numbers of type bigint are printed exactly. */
import type {Change} from '../../src/domain/change.js';
import type {EncodedRecord} from '../../src/decode/decode.js';
import {textOfId} from '../../src/domain/id.js';
import {isWholeNumber} from '../../src/domain/order.js';
import type {SourceSchema} from '../../src/domain/sourceSchema.js';
import type {SourceTables} from '../../src/upstream/sourceTables.js';

export type Row = Readonly<Record<string, unknown>>;

export interface RowEvent {
  readonly op: string;
  readonly table: string;
  readonly before?: Row | null;
  readonly after?: Row | null;
  readonly sourceTimeMs?: number;
}

/** The three encodings of a row event. */
export type Form = 'envelope' | 'with schema' | 'flat';
export const FORMS: readonly Form[] = ['envelope', 'with schema', 'flat'];

export const SHOP: SourceSchema = {
  database: 'shop',
  orders: {
    table: 'orders',
    id: 'id',
    userId: 'user_id',
    guestUserId: undefined,
    totalAmount: ['total_amount'],
    isMinor: false,
    where: [],
    earlier: new Map(),
  },
  items: {
    table: 'order_items',
    id: ['id'],
    orderId: 'order_id',
    productId: 'product_id',
    quantity: 'quantity',
    amount: [],
    where: [],
    earlier: new Map(),
    onOrderDelete: 'cascade',
  },
  heartbeatTable: 'heartbeat',
  extraColumns: [],
  moneyDecimals: 2,
  quantityDecimals: 0,
  isRounded: false,
};

/** What queries need to know of the tables of the shop. */
export const SHOP_TABLES: SourceTables = {
  schema: SHOP,
  columns: {
    orders: ['id', 'user_id', 'total_amount'],
    items: ['id', 'order_id', 'product_id', 'quantity'],
  },
  kinds: {order: 'whole', product: 'whole', user: 'whole'},
};

/** The status of an order that does not count, under the condition of HIDING. */
export const DRAFT = 'draft';
/** The shop with a condition, so that orders can be hidden. */
export const HIDING: SourceSchema = {
  ...SHOP,
  orders: {...SHOP.orders, where: [{column: 'status', isNegated: true, values: [DRAFT]}]},
};

/** The shop whose line items stay when the row of their order is deleted. */
export const KEEPING: SourceSchema = {...SHOP, items: {...SHOP.items, onOrderDelete: 'keep'}};

export const SOURCE_TIME_MS = 1_795_426_801_749;

export function orderRow(fields: Row = {}): Row {
  return {id: 5n, user_id: 7n, total_amount: '45.99', status: 'new', ...fields};
}

export function lineRow(fields: Row = {}): Row {
  return {id: 71n, order_id: 5n, product_id: 10n, quantity: 3, unit_price: '15.33', ...fields};
}

export function body(event: RowEvent, form: Form = 'envelope'): unknown {
  const {op, table, before = null, after = null, sourceTimeMs = SOURCE_TIME_MS} = event;
  if (form === 'flat') {
    const row = op === 'd' ? before : after;
    const added = {__op: op, __table: table, __source_ts_ms: sourceTimeMs, __source_gtid: null};
    return {...row, __deleted: String(op === 'd'), ...added};
  }
  const source = {version: '3.6.1.Final', connector: 'mysql', ts_ms: sourceTimeMs, db: 'shop', table};
  const envelope = {before, after, source, op, ts_ms: sourceTimeMs + 5, transaction: null};
  return form === 'envelope' ? envelope : {schema: {type: 'struct', name: 'Envelope'}, payload: envelope};
}

/** A record with this body. A body that is a string is used unchanged. */
export function encoded(value: unknown, key: string | null): EncodedRecord {
  return {
    key: key === null ? null : Buffer.from(key),
    value: Buffer.from(typeof value === 'string' ? value : json(value)),
  };
}

export function rowRecord(event: RowEvent, key: string | null, form: Form = 'envelope'): EncodedRecord {
  return encoded(body(event, form), key);
}

/** The record that decodes to this change. `op` is c, u or r. An update has the same row as before and after image. */
export function recordOf(change: Change, form: Form = 'envelope', op: 'c' | 'u' | 'r' = 'c'): EncodedRecord {
  const {orderId} = change;
  const key = isWholeNumber(orderId) ? orderId : JSON.stringify(textOfId(orderId));
  const upsert = (table: string, row: Row): EncodedRecord =>
    rowRecord({op, table, before: op === 'u' ? row : null, after: row}, key, form);
  const gone = (table: string, row: Row): EncodedRecord =>
    rowRecord({op: 'd', table, before: row}, key, form);
  const id = idOf(change.orderId);
  switch (change.kind) {
    case 'order-upserted': {
      const {userId, totalAmount, extra} = change.row;
      const [status = 'new'] = extra;
      return upsert('orders', orderRow({id, user_id: idOf(userId), total_amount: totalAmount, status}));
    }
    case 'order-hidden':
      return upsert('orders', orderRow({id, total_amount: null, status: DRAFT}));
    case 'order-deleted':
      return gone('orders', orderRow({id}));
    case 'item-upserted': {
      const {productId, quantity} = change.item;
      const row = {id: idOf(change.itemId), product_id: idOf(productId), quantity: BigInt(quantity)};
      return upsert('order_items', lineRow({...row, order_id: id}));
    }
    case 'item-deleted':
      return gone('order_items', lineRow({id: idOf(change.itemId), order_id: id}));
  }
}

/** The column of an id that is '' holds NULL. */
function idOf(id: string): bigint | string | null {
  if (id === '') return null;
  return isWholeNumber(id) ? BigInt(id) : textOfId(id);
}

/** JSON text in which a bigint is a plain number. */
export function json(value: unknown): string {
  const marked = JSON.stringify(value, (_name, inner: unknown) =>
    typeof inner === 'bigint' ? `@@${inner}@@` : inner,
  );
  return marked.replace(/"@@(-?\d+)@@"/g, '$1');
}
