import {partsOf} from '../../src/apply/parts.js';
import {composeReductions, reduce} from '../../src/reduce.js';
import {changes} from '../support/arbitraries.js';
import {item, order} from '../support/changes.js';
import {fc} from '../support/seededChecks.js';

test('the parts of a chunk are the chunk, and only the last part moves the position (I1, I2)', () => {
  fc.assert(
    fc.property(changes(60), fc.integer({min: 1, max: 5}), (all, ordersMax) => {
      const reduction = reduce(all);
      const quarantine = new Map([['name', 'entry']]);
      const parts = partsOf({expected: 'v1 5', next: 'v1 9', reduction, quarantine}, ordersMax, 'run1.7');
      // Each part expects what the part before it writes, and only the last one writes a position.
      const texts = parts.map(({next}) => next);
      expect(parts.map(({expected}) => expected)).toEqual(['v1 5', ...texts.slice(0, -1)]);
      expect(texts).toEqual([...parts.slice(1).map(() => 'fence 0 run1.7 v1 5'), 'v1 9']);
      expect(parts.map((part) => part.quarantine)).toEqual([
        ...parts.slice(1).map(() => undefined),
        quarantine,
      ]);
      expect(parts).toHaveLength(Math.max(1, Math.ceil(reduction.patches.size / ordersMax)));
      const whole = parts.map((part) => part.reduction).reduce(composeReductions);
      expect(whole).toEqual(reduction);
    }),
  );
});

test('a product that only an overwritten change names belongs to the last part (I7)', () => {
  const reduction = reduce([
    order('1'),
    item('1/3', {product: '10'}),
    item('1/3', {product: '11'}),
    order('2'),
  ]);
  const parts = partsOf({expected: 'a', next: 'b', reduction}, 1, 'run1.1');
  expect(parts.map((part) => [...part.reduction.products])).toEqual([['11'], ['10']]);
});
