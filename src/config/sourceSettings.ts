/** The settings for the names of tables and columns in the source, as data. settings.ts includes them in its table. */
import type {Setting} from './setting.js';
import {columnName, whole} from './valueTypes.js';

export const SOURCE_SETTINGS = {
  ordersTable: {
    env: 'ORDERS_TABLE',
    schema: columnName,
    default: 'orders',
    example: 'orders',
    desc: 'Table of the orders.',
  },
  orderIdColumn: {
    env: 'ORDER_ID_COLUMN',
    schema: columnName,
    default: 'id',
    example: 'id',
    desc: 'Its primary key.',
  },
  userIdColumn: {
    env: 'ORDER_USER_ID_COLUMN',
    schema: columnName,
    default: 'user_id',
    example: 'customer_id',
    desc: 'The buyer.',
  },
  totalAmountColumn: {
    env: 'ORDER_TOTAL_AMOUNT_COLUMN',
    schema: columnName,
    default: 'total_amount',
    example: 'total',
    desc: 'The amount, a DECIMAL.',
  },
  moneyDecimals: {
    env: 'MONEY_DECIMALS',
    schema: whole(0, 8),
    default: '2',
    example: '2',
    desc: 'Decimals of that column; sums are kept in its smallest unit.',
  },
  itemsTable: {
    env: 'ORDER_ITEMS_TABLE',
    schema: columnName,
    default: 'order_items',
    example: 'order_items',
    desc: 'Table of the lines.',
  },
  itemIdColumn: {
    env: 'ORDER_ITEM_ID_COLUMN',
    schema: columnName,
    default: 'id',
    example: 'id',
    desc: 'Its primary key.',
  },
  itemOrderIdColumn: {
    env: 'ORDER_ITEM_ORDER_ID_COLUMN',
    schema: columnName,
    default: 'order_id',
    example: 'order_id',
    desc: 'The order of a line.',
  },
  productIdColumn: {
    env: 'ORDER_ITEM_PRODUCT_ID_COLUMN',
    schema: columnName,
    default: 'product_id',
    example: 'sku_id',
    desc: 'The product of a line.',
  },
  quantityColumn: {
    env: 'ORDER_ITEM_QUANTITY_COLUMN',
    schema: columnName,
    default: 'quantity',
    example: 'qty',
    desc: 'The units of a line.',
  },
  heartbeatTable: {
    env: 'SOURCE_HEARTBEAT_TABLE',
    schema: columnName,
    default: 'heartbeat',
    example: 'heartbeat',
    desc: 'Table whose events only show that the connector lives.',
  },
} as const satisfies Record<string, Setting<unknown>>;
