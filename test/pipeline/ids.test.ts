/**
 * Ids that are not whole numbers, through the whole pipeline: texts with any characters, bytes, and several columns together. The amounts
 * and quantities of these shops are not those of the shipped tables either.
 */
import {ForeignPipeline} from '../support/foreignPipeline.js';
import {projector} from '../support/projector.js';
import {chosenSeed} from '../support/random.js';
import {useEmptyRedis} from '../support/emptyRedis.js';
import {whyNoOwnRedis} from '../support/redisServer.js';
import {inTier} from '../support/tier.js';

const whyNot = whyNoOwnRedis();
if (whyNot !== undefined) process.stderr.write(`skipped: ids. ${whyNot}\n`);
const seed = chosenSeed();
const STEPS = inTier({test: 150, soak: 3_000});

interface Shop {
  readonly name: string;
  readonly schema: string;
  readonly rows: string;
  readonly settings: Readonly<Record<string, string>>;
  /** Keys of Redis after the rows, with their content. */
  readonly expected: Readonly<Record<string, string | Readonly<Record<string, string>>>>;
}

const SHOPS: readonly Shop[] = [
  {
    name: 'texts',
    schema: `
      CREATE TABLE orders (id VARCHAR(40) PRIMARY KEY, user_id VARCHAR(40) NULL, total_amount DECIMAL(12,2) NOT NULL) COLLATE utf8mb4_general_ci;
      CREATE TABLE order_items (id CHAR(36) PRIMARY KEY, order_id VARCHAR(40) NOT NULL, product_id VARCHAR(40) NULL, quantity INT NOT NULL,
        KEY (order_id)) COLLATE utf8mb4_general_ci`,
    rows: `
      INSERT INTO orders VALUES ('2026/7', 'ann@shop.example', 12.50), ('a:b', NULL, 1.00), ('Ä;1', '', 2.00);
      INSERT INTO order_items VALUES ('x1', '2026/7', 'SKU 1', 2), ('x2', '2026/7', 'sku 1', 3), ('x3', 'a:b', NULL, 1), ('x4', 'A:B', 'lost', 9)`,
    settings: {},
    expected: {
      'order:2026%2F7': {
        id: '2026%2F7',
        user_id: 'ann%40shop.example',
        total_amount: '12.50',
        items_count: '2',
        items: 'product_id:SKU%201,quantity:2;product_id:sku%201,quantity:3',
      },
      'order_lines:a%3Ab': 'x3::1',
      'order_lines:A%3AB': 'x4:lost:9',
      'product:SKU%201:sold': '2',
      'product:sku%201:sold': '3',
      'product:lost:sold': '0',
      'report:totals': {orders: '3', units: '6', revenue: '1550'},
    },
  },
  {
    name: 'bytes',
    schema: `
      CREATE TABLE orders (id BINARY(16) PRIMARY KEY, user_id BINARY(16) NULL, total_amount DOUBLE NOT NULL);
      CREATE TABLE order_items (order_id BINARY(16) NOT NULL, sku VARCHAR(20) NOT NULL, size CHAR(2) NOT NULL, weight DECIMAL(8,3) NOT NULL,
        PRIMARY KEY (order_id, sku, size))`,
    rows: `
      INSERT INTO orders VALUES (x'0102030405060708090a0b0c0d0e0f00', x'ff000000000000000000000000000000', 10.005), (x'ffffffffffffffffffffffffffffffff', NULL, 1e3);
      INSERT INTO order_items VALUES (x'0102030405060708090a0b0c0d0e0f00', 'S1', 'M', 0.25), (x'0102030405060708090a0b0c0d0e0f00', 'S1', 'L', 1.5)`,
    settings: {
      ORDER_ITEM_ID_COLUMN: 'sku/size',
      ORDER_ITEM_PRODUCT_ID_COLUMN: 'sku',
      ORDER_ITEM_QUANTITY_COLUMN: 'weight',
      QUANTITY_DECIMALS: '3',
      MONEY_ROUND: 'true',
    },
    expected: {
      'order:0102030405060708090a0b0c0d0e0f00': {
        id: '0102030405060708090a0b0c0d0e0f00',
        user_id: 'ff000000000000000000000000000000',
        total_amount: '10.01',
        items_count: '2',
        items: 'product_id:S1,quantity:1.500;product_id:S1,quantity:0.250',
      },
      'order_lines:0102030405060708090a0b0c0d0e0f00': 'S1/L:S1:1.500;S1/M:S1:0.250',
      'product:S1:sold': '1750',
      'report:totals': {orders: '2', units: '1750', revenue: '101001'},
    },
  },
];

(whyNot === undefined ? describe : describe.skip)('ids', () => {
  const own = useEmptyRedis();

  test.each(SHOPS)(
    `$name: Redis equals MySQL, also after kill -9, a rebuild and a sync (I8, I9), seed ${seed}`,
    async ({name, schema, rows, settings, expected}) => {
      await own.redis.flushall();
      const shop = await ForeignPipeline.open({name, schema, settings, redisUrl: own.url});
      const held = async (): Promise<Record<string, unknown>> =>
        Object.fromEntries(
          await Promise.all(
            Object.entries(expected).map(async ([key, value]) => [
              key,
              typeof value === 'string'
                ? await own.redis.get(shop.prefix + key)
                : await own.redis.hgetall(shop.prefix + key),
            ]),
          ),
        ) as Record<string, unknown>;
      try {
        await shop.root.query(rows);
        await shop.run('verify', '--wait', '60');
        expect(await held()).toEqual(expected);
        await shop.run('rebuild');
        expect(await held()).toEqual(expected);
        await shop.run('sync', '--replace');
        expect(await held()).toEqual(expected);
        expect(await shop.trade(STEPS, seed)).toBeGreaterThan(STEPS / 3);
        await shop.run('verify', '--wait', '60');
        await shop.run('verify', '--sample', '20');

        const [id = ''] = Object.keys(expected).filter((key) => key.startsWith('order:'));
        const shown = await projector(
          ['orders', 'show', decodeURIComponent(id.slice('order:'.length))],
          shop.settings,
        );
        expect(shown.stdout).toContain(id.slice('order:'.length));
      } finally {
        await shop.close();
      }
    },
    120_000,
  );
});
