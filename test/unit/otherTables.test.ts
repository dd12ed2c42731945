/** Records of tables that are not part of the source are counted by table and logged once. */
import {OtherTables} from '../../src/worker/otherTables.js';

test('each table is counted, and logged once; the names in memory are limited (F86)', () => {
  const logged: unknown[] = [];
  const tables = new OtherTables({warn: (fields) => void logged.push(fields)});
  tables.add(new Map([['shop.carts', 2]]));
  tables.add(
    new Map([
      ['shop.carts', 3],
      ['archive.orders', 1],
    ]),
  );
  expect(Object.fromEntries(tables.records)).toEqual({'shop.carts': 5, 'archive.orders': 1});
  expect(logged).toEqual([{table: 'shop.carts'}, {table: 'archive.orders'}]);
  for (let i = 0; i < 100; i++) tables.add(new Map([[`t${i}`, 1]]));
  const counts = [...tables.records.values()];
  expect(counts.reduce((a, b) => a + b, 0)).toBe(106);
  expect(counts.length).toBeLessThanOrEqual(51);
  expect(logged.length).toBe(50);
});
