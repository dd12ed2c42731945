/** A value has one canonical text, whether it comes from Debezium or from MySQL (I9). */
import {canonicalText} from '../../src/domain/canonical.js';

test.each([
  ['TIMESTAMP(3)', ['2026-11-23 08:32:40.280', '2026-11-23T08:32:40.28Z'], '2026-11-23 08:32:40.28'],
  ['TIMESTAMP', ['2026-11-23 08:32:40', '2026-11-23T08:32:40Z'], '2026-11-23 08:32:40'],
  ['fraction of zeros', ['2026-11-23 08:32:40.000000', '2026-11-23T08:32:40Z'], '2026-11-23 08:32:40'],
  ['full minute', ['2026-11-23 08:32:00', '2026-11-23T08:32Z'], '2026-11-23 08:32:00'],
  ['offset of UTC', ['2026-11-23 08:32:40', '2026-11-23T08:32:40+00:00'], '2026-11-23 08:32:40'],
  [
    'microseconds',
    ['2026-11-23 08:32:40.000001', '2026-11-23T08:32:40.000001Z'],
    '2026-11-23 08:32:40.000001',
  ],
  ['DATE', ['2026-11-23', '2026-11-23Z'], '2026-11-23'],
  ['TIME', ['08:32:40', '08:32:40Z'], '08:32:40'],
  ['TIME(2)', ['08:32:40.50', '08:32:40.5Z'], '08:32:40.5'],
  ['negative TIME', ['-01:00:00.000', '-01:00:00Z'], '-01:00:00'],
  ['long TIME', ['838:59:59', '838:59:59Z'], '838:59:59'],
])('%s: %j, from MySQL and from Debezium, have the canonical form %s (I9)', (_name, texts, canonical) => {
  expect(texts.map(canonicalText)).toEqual([canonical, canonical]);
});

test.each([
  '',
  'new',
  '45.99',
  '-45.990',
  '5',
  '2026',
  '2026-11',
  'T08:32',
  '2026-11-23T08:32:40+02:00',
  '-',
])('%j is not a date or time in UTC and stays unchanged', (text) => {
  expect(canonicalText(text)).toBe(text);
});
