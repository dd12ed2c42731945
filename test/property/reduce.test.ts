/** The laws of `reduce`: how a run of changes becomes one patch for each order. */
import {Decoder, decodeRecord} from '../../src/decode/decode.js';
import type {Change} from '../../src/domain/change.js';
import type {LineItem, OrderRow} from '../../src/domain/order.js';
import {HIDDEN, type Reduction} from '../../src/domain/patch.js';
import type {SourceSchema} from '../../src/domain/sourceSchema.js';
import {composeReductions, reduce, Reducer} from '../../src/reduce.js';
import {changes} from '../support/arbitraries.js';
import {FORMS, HIDING, recordOf} from '../support/records.js';
import {inTier} from '../support/tier.js';
import {fc, propertyTest as test} from '../support/seededChecks.js';

interface State {
  readonly rows: Map<string, OrderRow>;
  /** `order id/line item id` -> line item. */
  readonly lines: Map<string, LineItem>;
}

/** Applies the patches of a reduction to plain maps. */
function apply(state: State, {patches}: Reduction): State {
  const rows = new Map(state.rows);
  const lines = new Map(state.lines);
  for (const [orderId, patch] of patches) {
    if (patch.reset) {
      rows.delete(orderId);
      for (const key of lines.keys()) if (key.startsWith(`${orderId}/`)) lines.delete(key);
    }
    if (patch.row === HIDDEN) rows.delete(orderId);
    else if (patch.row !== null) rows.set(orderId, patch.row);
    for (const [itemId, line] of patch.items) {
      if (line === null) lines.delete(`${orderId}/${itemId}`);
      else lines.set(`${orderId}/${itemId}`, line);
    }
  }
  return {rows, lines};
}

/** Applies changes one by one to plain maps. With `keep`, the delete of an order leaves its line items, as in tables without a foreign key. */
function fold(
  state: State,
  run: readonly Change[],
  onOrderDelete: SourceSchema['items']['onOrderDelete'] = 'cascade',
): State {
  const rows = new Map(state.rows);
  const lines = new Map(state.lines);
  for (const change of run) {
    const {orderId} = change;
    if (change.kind === 'order-upserted') rows.set(orderId, change.row);
    else if (change.kind === 'item-upserted') lines.set(`${orderId}/${change.itemId}`, change.item);
    else if (change.kind === 'item-deleted') lines.delete(`${orderId}/${change.itemId}`);
    else {
      rows.delete(orderId);
      if (change.kind === 'order-hidden' || onOrderDelete === 'keep') continue;
      for (const key of [...lines.keys()]) if (key.startsWith(`${orderId}/`)) lines.delete(key);
    }
  }
  return {rows, lines};
}

const EMPTY: State = {rows: new Map(), lines: new Map()};

test.prop([changes()], {numRuns: inTier({test: 400, soak: 20_000})})(
  'reduce(a) then reduce(b) equals reduce(ab), wherever the run is cut (I2)',
  (run) => {
    const whole = reduce(run);
    for (let cut = 0; cut <= run.length; cut++) {
      expect(composeReductions(reduce(run.slice(0, cut)), reduce(run.slice(cut)))).toEqual(whole);
    }
  },
);

test.prop([changes(15), changes(15), changes(15)])('composition is associative (I2)', (a, b, c) => {
  const [x, y, z] = [reduce(a), reduce(b), reduce(c)] as const;
  expect(composeReductions(composeReductions(x, y), z)).toEqual(
    composeReductions(x, composeReductions(y, z)),
  );
});

test.prop([changes(), changes()], {numRuns: inTier({test: 400, soak: 20_000})})(
  'a reduction applied to any state equals its changes applied one by one',
  (before, run) => {
    const state = fold(EMPTY, before);
    expect(apply(state, reduce(run))).toEqual(fold(state, run));
  },
);

test.prop([changes(), fc.nat(), fc.nat()], {numRuns: inTier({test: 400, soak: 20_000})})(
  'a run of records that is applied again, from any offset, ends in the same state (I3, S3)',
  (run, from, length) => {
    const start = run.length === 0 ? 0 : from % run.length;
    const end = start + (length % (run.length - start + 1));
    const once = apply(EMPTY, reduce(run.slice(0, end)));
    expect(apply(once, reduce(run.slice(start, end)))).toEqual(once);
  },
);

test.prop([changes()])('a delete with and without its cascade ends in the same state (S4) (F74a)', (run) => {
  const state = fold(EMPTY, run);
  const alone: Change[] = [{kind: 'order-deleted', orderId: '1'}];
  const cascaded: Change[] = [...state.lines.keys()]
    .filter((key) => key.startsWith('1/'))
    .map((key) => ({kind: 'item-deleted', orderId: '1', itemId: key.slice(2)}));
  for (const deletes of [alone, [...cascaded, ...alone], [...alone, ...cascaded]]) {
    expect(apply(state, reduce(deletes))).toEqual(fold(state, alone));
  }
});

describe.each(['cascade', 'keep'] as const)('records, if a delete of an order means %s', (onOrderDelete) => {
  const schema: SourceSchema = {
    ...HIDING,
    items: {...HIDING.items, onOrderDelete},
    extraColumns: [{name: 'status', type: 'text'}],
  };
  const decoder = new Decoder(schema);

  function decoded(run: readonly Change[], formOf: readonly number[]): Change[] {
    return run.flatMap((change, index) => {
      const form = FORMS[formOf[index % formOf.length] ?? 0];
      const found = decodeRecord(recordOf(change, form), schema);
      expect(decoder.decode(recordOf(change, form))).toEqual(found);
      return found.kind === 'change' ? [found.change] : [];
    });
  }

  test.prop([changes(), changes(), fc.array(fc.nat(FORMS.length - 1), {minLength: 1})], {
    numRuns: inTier({test: 200, soak: 10_000}),
  })(
    'end in the rows of MySQL, in every form and wherever the run is cut (I2, I3, S4)',
    (before, run, forms) => {
      const start = fold(EMPTY, before, onOrderDelete);
      const expected = fold(start, run, onOrderDelete);
      const all = decoded(run, forms);
      expect(all).toHaveLength(run.length);
      for (let cut = 0; cut <= all.length; cut++) {
        const [first, second] = [reduce(all.slice(0, cut)), reduce(all.slice(cut))];
        expect(apply(apply(start, first), second)).toEqual(expected);
        expect(apply(start, composeReductions(first, second))).toEqual(expected);
      }
      expect(apply(expected, reduce(all))).toEqual(expected);
    },
  );
});

test.prop([changes()])(
  'the products of a reduction are those of all line items that were ever set (I7)',
  (run) => {
    const named = run.flatMap((change) => (change.kind === 'item-upserted' ? [change.item.productId] : []));
    expect(reduce(run).products).toEqual(new Set(named.filter((product) => product !== '')));
  },
);

test.prop([changes()])('the reducer counts the orders that it has touched after every change', (run) => {
  const reducer = new Reducer();
  const touched = new Set<string>();
  for (const change of run) {
    reducer.add(change);
    touched.add(change.orderId);
    expect(reducer.orderCount).toBe(touched.size);
  }
  expect(reducer.reduction()).toEqual(reduce(run));
});
