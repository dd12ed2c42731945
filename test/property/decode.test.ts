/** The decoder returns the same change for a row in each form, and exactly one outcome for any record. */
import type {Change} from '../../src/domain/change.js';
import {decodeRecord} from '../../src/decode/decode.js';
import {encoded, FORMS, recordOf, rowRecord, SHOP} from '../support/records.js';
import {order} from '../support/changes.js';
import {inTier} from '../support/tier.js';
import {fc, propertyTest as test} from '../support/seededChecks.js';

const id = fc.bigInt({min: 1n, max: 18_446_744_073_709_551_615n}).map(String);
const amount = fc.bigInt({min: -999_999_999_999n, max: 999_999_999_999n}).map((cents) => {
  const digits = (cents < 0n ? -cents : cents).toString().padStart(3, '0');
  return `${cents < 0n ? '-' : ''}${digits.slice(0, -2)}.${digits.slice(-2)}`;
});
const quantity = fc.bigInt({min: -9_999_999_999n, max: 9_999_999_999n}).map(String);
const change: fc.Arbitrary<Change> = fc.oneof(
  fc.record({
    kind: fc.constant('order-upserted' as const),
    orderId: id,
    row: fc.record({userId: id, totalAmount: amount, extra: fc.constant([])}),
  }),
  fc.record({kind: fc.constant('order-deleted' as const), orderId: id}),
  fc.record({
    kind: fc.constant('item-upserted' as const),
    orderId: id,
    itemId: id,
    item: fc.record({productId: id, quantity}),
  }),
  fc.record({kind: fc.constant('item-deleted' as const), orderId: id, itemId: id}),
);
const op = fc.constantFrom('c' as const, 'u' as const, 'r' as const);

test.prop([change, op], {numRuns: inTier({test: 500, soak: 30_000})})(
  'a row event with any ids and amounts is decoded to the same change in every form (I8)',
  (wanted, as) => {
    for (const form of FORMS) {
      expect(decodeRecord(recordOf(wanted, form, as), SHOP)).toMatchObject({kind: 'change', change: wanted});
    }
  },
);

test.prop([id, id])('a record whose key is not exactly the order id is rejected (S2, I8)', (orderId, key) => {
  const record = {...recordOf(order(orderId)), key: Buffer.from(key)};
  expect(decodeRecord(record, SHOP).kind).toBe(key === orderId ? 'change' : 'rejected');
});

test.prop([fc.json({maxDepth: 4}), fc.option(fc.string())], {numRuns: inTier({test: 500, soak: 30_000})})(
  'any JSON has exactly one outcome, and the decoder never throws (I6)',
  (text, key) => {
    const kinds = ['change', 'heartbeat', 'tombstone', 'ignored', 'rejected'];
    expect(kinds).toContain(decodeRecord(encoded(text, key), SHOP).kind);
  },
);

test.prop([fc.uint8Array({maxLength: 200})])(
  'any bytes have exactly one outcome, and the decoder never throws (I6)',
  (bytes) => {
    const {kind} = decodeRecord({key: null, value: Buffer.from(bytes)}, SHOP);
    expect(['tombstone', 'rejected', 'heartbeat', 'ignored']).toContain(kind);
  },
);

test.prop([
  fc.constantFrom('orders', 'order_items'),
  fc.dictionary(fc.string(), fc.jsonValue()),
  fc.string(),
])(
  'a row with an id that is not that of its key and any columns is rejected, and the reason contains no text of it (I11)',
  (table, row, marker) => {
    const secret = `Zq7${marker}`;
    const event = {op: 'c', table, after: {...row, id: secret, user_id: secret}};
    const decoded = decodeRecord(rowRecord(event, '5'), SHOP);
    expect(decoded.kind).toBe('rejected');
    expect(JSON.stringify(decoded)).not.toContain('Zq7');
  },
);
