import fc from 'fast-check';
import {IdFilter} from '../../src/domain/idFilter.js';

test('a filter has every id that was added', () => {
  fc.assert(
    fc.property(fc.array(fc.string()), fc.integer(), (ids, seed) => {
      const filter = new IdFilter(ids.length, seed);
      for (const id of ids) filter.add(id);
      return ids.every((id) => filter.mayHave(id));
    }),
  );
});

test('a filter takes few unknown ids for known ones, and another seed takes others', () => {
  const known = 200_000;
  const wrong = [1, 2].map((seed) => {
    const filter = new IdFilter(known, seed);
    for (let id = 0; id < known; id++) filter.add(String(id));
    return Array.from({length: known}, (_, i) => `x${i}`).filter((id) => filter.mayHave(id));
  });
  for (const ids of wrong) expect(ids.length).toBeLessThan(known / 1_000);
  expect(wrong[0]?.filter((id) => wrong[1]?.includes(id))).toEqual([]);
});
