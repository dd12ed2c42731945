/**
 * Decodes the bytes of one record into a change, or says why it is none.
 *
 * It supports Debezium's envelope with and without `schema`/`payload`. It also supports the flat form of ExtractNewRecordState
 * with `delete.tombstone.handling.mode=rewrite`. It detects the form of each record separately.
 * The type table is TYPES.md in this folder.
 * Source: Debezium 3.6 documentation, MySQL connector, "Data change events".
 *
 * I6: Every record gives exactly one outcome.
 * I8: No id beyond 2^53 passes through a JavaScript number.
 *
 * Pure: no clock, no I/O.
 */
import {isAscii, isUtf8} from 'node:buffer';
import {parse as parseExact} from 'lossless-json';
import type {Change, Decoded} from '../domain/change.js';
import {
  isJsonObject,
  NeedsExactNumbers,
  optionalTimeMs,
  Undecodable,
  idIn,
  idOfColumns,
  type JsonObject,
} from './fields.js';
import {orderIdOf, requireKey} from './recordKey.js';
import {itemChangeOf, orderChangeOf, orderDeletionOf} from './rows.js';
import {schemaChangeOf} from './schemaChange.js';
import {RowShapes} from './rowShapes.js';
import type {SourceSchema} from '../domain/sourceSchema.js';

export interface EncodedRecord {
  readonly key: Buffer | null;
  readonly value: Buffer | null;
}

/** Decodes the records of a stream. It remembers shapes, so that it need not parse later texts of the same shape (shapes.ts). */
export class Decoder {
  readonly #schema: SourceSchema;
  readonly #rows: RowShapes;

  constructor(schema: SourceSchema) {
    this.#schema = schema;
    this.#rows = new RowShapes(schema);
  }

  /** Never throws because of the content of a record. It returns `rejected` and the reason if the record is bad. */
  decode({key, value}: EncodedRecord): Decoded {
    if (value === null) return {kind: 'tombstone'};
    return decided(key, () => this.#decodeValue(value, key));
  }

  #decodeValue(value: Buffer, key: Buffer | null): Decoded {
    const text = textOf(value);
    const row = this.#rows.read(text);
    if (row !== undefined) {
      requireKey(key, row.change.orderId);
      return row;
    }
    const learn = (parsed: JsonObject, change: Change): void => this.#rows.learn(text, parsed, change);
    return decodeText(text, key, {schema: this.#schema, bytes: value.length, learn});
  }
}

/**
 * Decodes one record without remembered shapes.
 * It never throws because of the content of a record. It returns `rejected` and the reason if the record is bad.
 */
export function decodeRecord({key, value}: EncodedRecord, schema: SourceSchema): Decoded {
  if (value === null) return {kind: 'tombstone'};
  return decided(key, () => decodeText(textOf(value), key, {schema, bytes: value.length}));
}

function decided(key: Buffer | null, decode: () => Decoded): Decoded {
  try {
    return decode();
  } catch (error) {
    if (!(error instanceof Undecodable)) throw error;
    const orderId = error.isKeyTrusted ? orderIdOf(key) : null;
    return {kind: 'rejected', rejection: {kind: 'record-undecodable', reason: error.message, orderId}};
  }
}

function textOf(value: Buffer): string {
  // Most values are ASCII, and Node decodes latin1 faster than UTF-8.
  if (isAscii(value)) return value.toString('latin1');
  if (!isUtf8(value)) throw new Undecodable('the value is not UTF-8 text');
  return value.toString('utf8');
}

interface TextContext {
  readonly schema: SourceSchema;
  readonly bytes: number;
  /** The decoder calls this with each parsed value that contains a change, so that `Decoder` can learn its shape. */
  readonly learn?: (parsed: JsonObject, change: Change) => void;
}

function decodeText(text: string, key: Buffer | null, {schema, bytes, learn}: TextContext): Decoded {
  try {
    const parsed: unknown = JSON.parse(text);
    const decoded = interpret(parsed, key, schema);
    if (decoded.kind === 'change' && isJsonObject(parsed)) learn?.(parsed, decoded.change);
    return decoded;
  } catch (error) {
    if (error instanceof SyntaxError) throw new Undecodable(`the value (${bytes} bytes) is not JSON`);
    if (!(error instanceof NeedsExactNumbers)) throw error;
  }
  try {
    return interpret(parseExact(text), key, schema);
  } catch (error) {
    // lossless-json rejects some texts that JSON.parse accepts, for example the same name twice in one object.
    if (error instanceof SyntaxError) {
      throw new Undecodable(
        `the value (${bytes} bytes) is JSON that cannot be read exactly, for example because a name occurs twice`,
      );
    }
    // lossless-json is recursive, so it overflows the stack on deeply nested texts that JSON.parse can parse.
    if (error instanceof RangeError) throw new Undecodable(`the value (${bytes} bytes) is nested too deeply`);
    throw error;
  }
}

interface RowEvent {
  readonly op: string;
  readonly table: string;
  readonly database: string | undefined;
  readonly before: unknown;
  readonly after: unknown;
  readonly sourceTimeMs: number | null;
}

function interpret(parsed: unknown, key: Buffer | null, schema: SourceSchema): Decoded {
  const body = isJsonObject(parsed) && 'payload' in parsed && 'schema' in parsed ? parsed['payload'] : parsed;
  if (body === null) return {kind: 'tombstone'};
  if (!isJsonObject(body)) throw new Undecodable('the value is JSON, but not an object');

  const event = rowEventOf(body);
  return event === undefined ? interpretOther(body, schema) : interpretRow(event, key, schema);
}

function rowEventOf(body: JsonObject): RowEvent | undefined {
  return readEnvelope(body) ?? readFlat(body);
}

function interpretRow(event: RowEvent, key: Buffer | null, schema: SourceSchema): Decoded {
  const {table, database, sourceTimeMs} = event;
  if (table === schema.heartbeatTable) return {kind: 'heartbeat', sourceTimeMs};
  const isOther = table !== schema.orders.table && table !== schema.items.table;
  if (isOther || isOtherDatabase(database, schema)) {
    const reason = isOther ? 'a row of another table' : 'a row of another database';
    return {kind: 'ignored', reason, table: database === undefined ? table : `${database}.${table}`};
  }
  if (event.op === 't') return {kind: 'schema-changed', statement: 'TRUNCATE TABLE', table};
  if (event.op === 'm') return {kind: 'ignored', reason: 'a logical message'};
  const change = table === schema.orders.table ? orderChange(event, schema) : itemChange(event, schema);
  if (change === undefined) return {kind: 'ignored', reason: 'a line item without an order'};
  requireKey(key, change.orderId);
  return {kind: 'change', change, sourceTimeMs};
}

/** A record that does not name its database is accepted, because the flat form contains the name only on request. */
function isOtherDatabase(database: string | undefined, schema: SourceSchema): boolean {
  return database !== undefined && schema.database !== undefined && database !== schema.database;
}

function readEnvelope(body: JsonObject): RowEvent | undefined {
  const {op, source, before, after} = body;
  if (typeof op !== 'string' || !isJsonObject(source)) return undefined;
  const table = source['table'];
  if (typeof table !== 'string') throw new Undecodable('the envelope has no source.table');
  const database = nameOf(source['db']);
  return {op, table, database, before, after, sourceTimeMs: optionalTimeMs(source['ts_ms'])};
}

function readFlat(body: JsonObject): RowEvent | undefined {
  const {__op: op, __table: table, __deleted: deleted} = body;
  if (op === undefined && deleted === undefined) return undefined;
  if (typeof op !== 'string' || typeof table !== 'string') {
    throw new Undecodable(
      'the flat record has no __op or no __table (set add.fields=op,table in the connector)',
    );
  }
  const isDelete = op === 'd' || deleted === 'true' || deleted === true;
  return {
    op: isDelete ? 'd' : op,
    table,
    database: nameOf(body['__source_db']),
    before: isDelete ? body : undefined,
    after: isDelete ? undefined : body,
    sourceTimeMs: optionalTimeMs(body['__source_ts_ms']),
  };
}

function nameOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}

/** Interprets the records that Debezium writes in addition to row events. It rejects every unknown form. */
function interpretOther(body: JsonObject, schema: SourceSchema): Decoded {
  const schemaChange = schemaChangeOf(body, schema);
  if (schemaChange !== undefined) return schemaChange;
  if ('status' in body && 'id' in body && ('event_count' in body || body['status'] === 'BEGIN')) {
    return {kind: 'ignored', reason: 'a transaction record'};
  }
  if (Object.keys(body).length === 1 && 'ts_ms' in body) {
    return {kind: 'heartbeat', sourceTimeMs: optionalTimeMs(body['ts_ms'])};
  }
  throw new Undecodable(
    "the value has neither Debezium's envelope (op, source) nor its flat form (__op, __table)",
  );
}

function orderChange(event: RowEvent, schema: SourceSchema): Change {
  const {orders} = schema;
  const {row, isDelete} = rowOf(event);
  const orderId = idIn(row, orders.id);
  if (isDelete) return orderDeletionOf(orderId, schema);
  requireSameId(event, [orders.id], orderId);
  const change = orderChangeOf(row, orderId, schema);
  const isCreate = change.kind === 'order-upserted' && (event.op === 'c' || event.op === 'r');
  return isCreate ? {...change, isCreate} : change;
}

/** Undefined for a line item that belongs to no order. */
function itemChange(event: RowEvent, schema: SourceSchema): Change | undefined {
  const {items} = schema;
  const {row, isDelete} = rowOf(event);
  if (isNoId(row[items.orderId])) {
    const isMoved = event.op === 'u' && isJsonObject(event.before) && !isNoId(event.before[items.orderId]);
    if (isMoved) throw new Undecodable(changedId(items.orderId), {isKeyTrusted: false});
    return undefined;
  }
  const itemId = idOfColumns(row, items.id);
  const orderId = idIn(row, items.orderId);
  if (isDelete) return {kind: 'item-deleted', orderId, itemId};
  requireSameId(event, items.id, itemId);
  requireSameId(event, [items.orderId], orderId);
  return itemChangeOf(row, orderId, schema);
}

function isNoId(value: unknown): boolean {
  return value === null || value === '';
}

function rowOf(event: RowEvent): {row: JsonObject; isDelete: boolean} {
  const {op, before, after} = event;
  if (op === 'd') {
    if (!isJsonObject(before))
      throw new Undecodable('the delete event has no row in before (set binlog_row_image=FULL in MySQL)');
    return {row: before, isDelete: true};
  }
  if (op !== 'c' && op !== 'u' && op !== 'r') throw new Undecodable('the event has an unknown op');
  if (!isJsonObject(after)) throw new Undecodable(`the event with op ${op} has no row in after`);
  return {row: after, isDelete: false};
}

/**
 * A change of an id must arrive as a delete and a create, each in the partition of its own order (S2). One update would arrive
 * under one of the two keys only. Then the partition of the other order would contain no record of the change.
 */
function requireSameId(event: RowEvent, columns: readonly string[], idAfter: string): void {
  if (event.op !== 'u' || !isJsonObject(event.before)) return;
  if (idOfColumns(event.before, columns) !== idAfter) {
    throw new Undecodable(changedId(columns.join(', ')), {isKeyTrusted: false});
  }
}

function changedId(column: string): string {
  return `the update changes ${column} (message.key.columns in the connector must contain this column)`;
}
