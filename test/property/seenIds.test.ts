import fc from 'fast-check';
import {SeenIds} from '../../src/domain/seenIds.js';

const ids = fc.array(fc.oneof(fc.nat().map(String), fc.uuid(), fc.string()));

test('exactly the added ids are seen', () => {
  fc.assert(
    fc.property(ids, ids, fc.integer(), (added, others, seed) => {
      const seen = new SeenIds(seed);
      for (const id of [...added, ...added]) seen.add(id);
      expect([...added, ...others].map((id) => seen.has(id))).toEqual(
        [...added, ...others].map((id) => added.includes(id)),
      );
    }),
  );
});

test('no id is taken for another one while the table grows', () => {
  const seen = new SeenIds(7);
  for (let id = 0; id < 400_000; id += 2) seen.add(String(id));
  let wrong = 0;
  for (let id = 0; id < 400_000; id++) if (seen.has(String(id)) !== (id % 2 === 0)) wrong++;
  expect(wrong).toBe(0);
});

test('a full table does not remember further ids, and still knows the others (L10)', () => {
  const seen = new SeenIds(7, 1 << 12);
  const all = Array.from({length: 10_000}, (_, id) => String(id));
  for (const id of all) seen.add(id);
  expect(all.filter((id) => seen.has(id))).toEqual(all.slice(0, 3 * 1_024));
  seen.clear();
  expect(all.some((id) => seen.has(id))).toBe(false);
});
