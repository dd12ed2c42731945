import {isIdBefore} from '../../src/domain/id.js';
import {formatItems, parseItems} from '../../src/redis-model/storedItems.js';
import {fc} from '../support/seededChecks.js';

const id = fc.bigInt().map(String);
const lines = fc
  .uniqueArray(id)
  .map((ids) => ids.sort((a, b) => (BigInt(a) < BigInt(b) ? -1 : 1)))
  .chain((ids) => fc.tuple(...ids.map((one) => fc.tuple(fc.constant(one), id, id))));

test('line items are parsed as they were formatted, with ids and quantities of any size (I8)', () => {
  fc.assert(
    fc.property(lines, (all) => {
      const text = formatItems(all.map(([one, productId, quantity]) => [one, {productId, quantity}]));
      expect(parseItems(text)).toEqual(
        all.map(([one, productId, quantity]) => ({id: one, productId, quantity})),
      );
    }),
  );
});

test('ids are ordered by their numeric value', () => {
  fc.assert(
    fc.property(id, id, (a, b) => {
      expect(isIdBefore(a, b)).toBe(BigInt(a) < BigInt(b));
    }),
  );
});

test.each([
  'x',
  '1',
  '1:2',
  '1:2:3:4:5',
  '1:2:3:x',
  '1:2:3.',
  'a b:2:3',
  '1:2:3;',
  ';1:2:3',
  '1:2:3,2:2:3',
  '2:1:1;1:1:1',
  '1:1:1;1:1:1',
  '1:2:x',
  ' 1:2:3',
])('%j is not a text of line items', (text) => {
  expect(parseItems(text)).toBeUndefined();
});
