/** The benchmark writes the same texts as Debezium: a recorded row gives the recorded text again. */
import {debeziumValue, type BinlogPlace, type Form} from '../../bench/debezium.js';
import type {RowEvent} from '../../bench/shop.js';
import {fixtureRecords} from '../support/fixtures.js';

type Body = Record<string, unknown>;

const CASES = [
  'order-created',
  'order-updated',
  'order-deleted',
  'item-updated',
  'item-deleted',
  'item-moved',
];
const META = ['__deleted', '__op', '__table', '__source_ts_ms', '__source_gtid'];

/**
 * Returns the event and the binlog position of a recorded envelope. Microseconds are below 2^53, so they are
 * exact as numbers. Nanoseconds are not, so they are read from the text.
 */
function envelopeParts(text: string, body: Body): {event: RowEvent; place: BinlogPlace} {
  const source = body['source'] as Body;
  const [serverUuid = '', transaction = ''] = String(source['gtid']).split(':');
  const seenNs = BigInt(/"ts_ns":(\d+)\}$/.exec(text)?.[1] ?? 0);
  const place = {
    serverUuid,
    transaction: Number(transaction),
    file: String(source['file']),
    pos: Number(source['pos']),
    row: Number(source['row']),
    thread: Number(source['thread']),
    sourceUs: Number(source['ts_us']),
    seenNs,
  };
  const {op, before, after} = body;
  return {event: {table: source['table'], op, before, after, orderId: 0} as unknown as RowEvent, place};
}

function flatParts(body: Body): {event: RowEvent; place: BinlogPlace} {
  const row = Object.fromEntries(Object.entries(body).filter(([name]) => !META.includes(name)));
  const [serverUuid = '', transaction = ''] = String(body['__source_gtid']).split(':');
  const isDelete = body['__op'] === 'd';
  const place = {
    serverUuid,
    transaction: Number(transaction),
    file: '',
    pos: 0,
    row: 0,
    thread: 0,
    sourceUs: Number(body['__source_ts_ms']) * 1_000,
    seenNs: 0n,
  };
  const event = {table: body['__table'], op: body['__op'], orderId: 0};
  return {
    event: {...event, before: isDelete ? row : null, after: isDelete ? null : row} as unknown as RowEvent,
    place,
  };
}

const FORMS: readonly (readonly [Form, string])[] = [
  ['envelope', ''],
  ['compact', '.flat'],
];

describe.each(FORMS)('the %s form', (form, suffix) => {
  test.each(CASES)('for the recorded case %s, the benchmark writes the same texts as Debezium', (name) => {
    const records = fixtureRecords(name + suffix);
    expect(records.length).toBeGreaterThan(0);
    for (const {value} of records) {
      const text = String(value);
      const body = JSON.parse(text) as Body;
      const {event, place} = form === 'envelope' ? envelopeParts(text, body) : flatParts(body);
      expect(debeziumValue(form, event, place)).toBe(text);
    }
  });
});
