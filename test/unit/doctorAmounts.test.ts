/** The check of `projector doctor` on the columns of the amount. */
import {readConfig} from '../../src/config/readConfig.js';
import type {AmountColumn} from '../../src/operations/doctor/askMysql.js';
import {judgeAmount} from '../../src/operations/doctor/mysqlChecks.js';

const column = (type: string, decimals: string | null): AmountColumn => ({name: 'total', type, decimals});

test.each<[string, {columns: AmountColumn[]; moneyUnit: 'major' | 'minor'}, RegExp]>([
  [
    'a DECIMAL',
    {columns: [column('decimal', '2')], moneyUnit: 'major'},
    /^ok: .*total is decimal with 2 decimals$/,
  ],
  [
    'a DECIMAL with more decimals',
    {columns: [column('decimal', '4')], moneyUnit: 'major'},
    /^ok: .*of which the first 2 count$/,
  ],
  [
    'a DECIMAL with fewer decimals',
    {columns: [column('decimal', '1')], moneyUnit: 'major'},
    /^warn: .*but MONEY_DECIMALS is 2$/,
  ],
  [
    'a sum with a DOUBLE',
    {columns: [column('decimal', '2'), column('double', null)], moneyUnit: 'major'},
    /^fail: .*must be DECIMAL/,
  ],
  ['cents', {columns: [column('int', '0')], moneyUnit: 'minor'}, /^ok: .*total is int$/],
  [
    'cents in a DECIMAL',
    {columns: [column('decimal', '2')], moneyUnit: 'minor'},
    /^fail: .*must be a whole-number type/,
  ],
])('%s', (_name, {columns, moneyUnit}, expected) => {
  const {verdict, detail} = judgeAmount(columns, {...readConfig({}, []), moneyUnit});
  expect(`${verdict}: ${detail}`).toMatch(expected);
});
