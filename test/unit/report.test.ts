/** What commands print: amounts with their decimals, tables. */
import {table} from '../../src/cli/output.js';
import {withDecimals} from '../../src/report/report.js';

test.each([
  ['4599', 2, '45.99'],
  ['5', 2, '0.05'],
  ['0', 2, '0.00'],
  ['-5', 2, '-0.05'],
  ['-4599', 2, '-45.99'],
  ['100', 2, '1.00'],
  ['4599', 0, '4599'],
  ['1', 8, '0.00000001'],
  ['900719925474099300', 2, '9007199254740993.00'],
])('%s minor units with %d decimals are %s', (minorUnits, decimals, printed) => {
  expect(withDecimals(minorUnits, decimals)).toBe(printed);
});

test('columns are as wide as they need, numbers stand to the right', () => {
  const rows = [
    ['10', '7', 'ten'],
    ['longer than its title', '-1200.50', ''],
  ];
  expect(table(['product', 'units', 'name'], rows)).toEqual([
    'product                units     name',
    '                   10         7  ten',
    'longer than its title  -1200.50',
  ]);
});

test('a table without rows is its head', () => {
  expect(table(['a', 'b'], [])).toEqual(['a  b']);
});
