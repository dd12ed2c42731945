/** The JSON answers of `projector report` and `projector orders`, and those of a worker about the shop. */
import {z} from 'zod';
import type {OrderAnswer, ShopAnswer, ShopFailure} from '../../observe/shopAnswer.js';
import type {OrderJson} from '../../operations/report/orders.js';
import type {ProductRow, Totals, UserRow} from '../../operations/report/report.js';
import {decimal, errorDetail, flag, text, time, whole, type Answer} from './fields.js';

const products = z.array(
  z.strictObject({
    productId: text('Id of the product, percent-encoded as in the keys of Redis'),
    unitsSold: decimal('Units sold, with QUANTITY_DECIMALS decimals'),
  }),
);
const users = z.array(
  z.strictObject({
    userId: text('Id of the buyer, percent-encoded as in the keys of Redis'),
    spent: decimal(
      'Money spent on existing orders, in the unit of the amounts, with MONEY_DECIMALS decimals',
    ),
  }),
);
const totals = z.strictObject({
  orders: whole('Number of orders'),
  units: decimal('Units of all line items, with QUANTITY_DECIMALS decimals'),
  revenue: decimal('Sum of the amounts of all orders, with MONEY_DECIMALS decimals'),
});

export const REPORT = z.strictObject({
  totals: totals.describe('Sums over all orders'),
  bestSellers: products.describe('Products by units sold, highest first'),
  topSpenders: users.describe('Buyers by money spent, highest first'),
});
export const REPORT_PRODUCTS = products satisfies z.ZodType<ProductRow[]>;
export const REPORT_USERS = users satisfies z.ZodType<UserRow[]>;
export const REPORT_TOTALS = totals satisfies z.ZodType<Totals>;

export const ORDERS_COUNT = z.strictObject({
  orders: whole('Number of orders as counted by the workers (report:totals)'),
  scanned: whole('Number of keys of orders. Only with --scan').optional(),
});
export type OrdersCountAnswer = Answer<typeof ORDERS_COUNT>;

const storedText = (description: string): z.ZodNullable<z.ZodString> =>
  text(`${description}, as in Redis; null if the field is missing`).nullable();

export const ORDERS_LIST = z.strictObject({
  id: text('Id of the order, percent-encoded as in its key'),
  user_id: storedText('Id of the buyer, empty for guests'),
  total_amount: storedText('Amount of the order, with MONEY_DECIMALS decimals'),
  items_count: storedText('Number of line items'),
});

const items = z.array(
  z.strictObject({
    id: text('Id of the line item'),
    product_id: text('Id of the product; empty if there is none'),
    quantity: decimal('Quantity, with QUANTITY_DECIMALS decimals'),
    amount: decimal('Amount of the line item, if orders have no amount of their own').exactOptional(),
  }),
);

const id = text('Id of the order, percent-encoded as in its key');
const fields = z
  .record(z.string(), z.string())
  .describe('Fields of the hash order:{id}, with ORDER_EXTRA_COLUMNS, as text (docs/redis.md)');

export const ORDERS_SHOW = z.discriminatedUnion('found', [
  z.strictObject({
    found: z.literal(true).describe('Redis holds the order'),
    id,
    order: fields,
    items: items.describe('Line items, in the order of their ids'),
  }),
  z.strictObject({
    found: z.literal(false).describe('Redis does not hold the order. The exit code is 3'),
    id,
    items: items.describe('Line items that wait for their order. Missing if there are none').exactOptional(),
  }),
]) satisfies z.ZodType<OrderJson>;

const at = time('When Redis was read');

export const SHOP = z.strictObject({at, ...REPORT.shape}) satisfies z.ZodType<ShopAnswer>;

export const SHOP_ORDER = z.strictObject({
  at,
  found: flag('Redis holds the order. The HTTP status is 200 if it does, else 404'),
  id,
  order: fields.exactOptional(),
  items: items.describe('Line items. Without an order, those that wait for it').exactOptional(),
  note: text('What is unusual about the order; null if nothing is').nullable(),
}) satisfies z.ZodType<OrderAnswer>;

export const SHOP_FAILURE = z.strictObject({
  at: time('Time of the answer'),
  kind: text('Kind of the error, as in docs/runbook.md, or request-invalid'),
  reason: errorDetail,
}) satisfies z.ZodType<ShopFailure>;
