/** The layout: what the data depends on in addition to the rows (I13). */
import {formatLayout, requireSameLayout} from '../../src/redis-model/layout.js';

const SHOP = {
  topic: 'shop.order-events',
  partitions: 6,
  moneyDecimals: 2,
  extraColumns: [
    {name: 'status', type: 'text'},
    {name: 'created_at', type: 'time'},
  ],
} as const;
const TEXT = 'v2 topic=shop.order-events partitions=6 decimals=2 columns=status:text,created_at:time';

test('the layout contains every setting that shapes the data', () => {
  expect(formatLayout(SHOP)).toBe(TEXT);
  expect(formatLayout({...SHOP, extraColumns: []})).toBe(
    'v2 topic=shop.order-events partitions=6 decimals=2 columns=',
  );
});

test('the same settings give the same layout', () => {
  expect(() => requireSameLayout(TEXT, formatLayout(SHOP))).not.toThrow();
});

test.each([
  [{...SHOP, topic: 'other'}, 'layout-changed: .*topic is "other", and was "shop.order-events"$'],
  [{...SHOP, moneyDecimals: 3}, 'layout-changed: .*decimals is "3", and was "2"$'],
  [{...SHOP, extraColumns: []}, 'layout-changed: .*columns is "", and was "status:text,created_at:time"$'],
  [{...SHOP, partitions: 7}, 'partitions-changed: .*partitions is "7", and was "6"$'],
  [{...SHOP, partitions: 7, topic: 't'}, 'partitions-changed: .*topic is "t".*; partitions is "7"'],
])('a changed setting is reported with both values', (settings, message) => {
  expect(() => requireSameLayout(TEXT, formatLayout(settings))).toThrow(new RegExp(`^${message}`));
});

test('another form of the data is reported with both versions', () => {
  expect(() => requireSameLayout(TEXT.replace('v2', 'v1'), TEXT)).toThrow(
    /^layout-changed: .*form is "v2", and was "v1"$/,
  );
  expect(() => requireSameLayout('foreign', TEXT)).toThrow(/^partitions-changed: /);
});
