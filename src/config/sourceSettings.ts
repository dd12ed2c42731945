/** The settings for the names of tables and columns in the source, as data. settings.ts includes them in its table. */
import type {Setting} from './setting.js';
import {columnName, whole} from './valueTypes.js';

export const SOURCE_SETTINGS = {
  sourceDatabase: {
    env: 'SOURCE_DATABASE',
    schema: columnName,
    example: 'shop',
    desc: 'MySQL database of both tables. Rows of equally named tables in other databases are ignored. Default: the database in MYSQL_URL. Without both, rows of every database are accepted.',
  },
  ordersTable: {
    env: 'ORDERS_TABLE',
    schema: columnName,
    default: 'orders',
    example: 'orders',
    desc: 'Name of the orders table.',
  },
  orderIdColumn: {
    env: 'ORDER_ID_COLUMN',
    schema: columnName,
    default: 'id',
    example: 'id',
    desc: 'Primary key column of the orders table.',
  },
  userIdColumn: {
    env: 'ORDER_USER_ID_COLUMN',
    schema: columnName,
    default: 'user_id',
    example: 'customer_id',
    desc: 'Column of the orders table that contains the id of the buyer.',
  },
  totalAmountColumn: {
    env: 'ORDER_TOTAL_AMOUNT_COLUMN',
    schema: columnName,
    default: 'total_amount',
    example: 'total',
    desc: 'Column of the orders table that contains the amount. Its type must be DECIMAL.',
  },
  moneyDecimals: {
    env: 'MONEY_DECIMALS',
    schema: whole(0, 8),
    default: '2',
    example: '2',
    desc: 'Number of decimals of ORDER_TOTAL_AMOUNT_COLUMN. Redis stores sums in the smallest unit of this column. A change requires `projector rebuild`.',
  },
  itemsTable: {
    env: 'ORDER_ITEMS_TABLE',
    schema: columnName,
    default: 'order_items',
    example: 'order_items',
    desc: 'Name of the line items table.',
  },
  itemIdColumn: {
    env: 'ORDER_ITEM_ID_COLUMN',
    schema: columnName,
    default: 'id',
    example: 'id',
    desc: 'Primary key column of the line items table.',
  },
  itemOrderIdColumn: {
    env: 'ORDER_ITEM_ORDER_ID_COLUMN',
    schema: columnName,
    default: 'order_id',
    example: 'order_id',
    desc: 'Column of the line items table that contains the order id.',
  },
  productIdColumn: {
    env: 'ORDER_ITEM_PRODUCT_ID_COLUMN',
    schema: columnName,
    default: 'product_id',
    example: 'sku_id',
    desc: 'Column of the line items table that contains the product id.',
  },
  quantityColumn: {
    env: 'ORDER_ITEM_QUANTITY_COLUMN',
    schema: columnName,
    default: 'quantity',
    example: 'qty',
    desc: 'Column of the line items table that contains the number of units.',
  },
  heartbeatTable: {
    env: 'SOURCE_HEARTBEAT_TABLE',
    schema: columnName,
    default: 'heartbeat',
    example: 'heartbeat',
    desc: 'Name of the heartbeat table. Its events only show that the connector is running.',
  },
} as const satisfies Record<string, Setting<unknown>>;
