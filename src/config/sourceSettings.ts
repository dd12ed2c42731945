/** The settings for the names of tables and columns in the source, as data. settings.ts includes them in its table. */
import type {Setting} from './setting.js';
import {columnName, columnSum, condition, oneOf, text, whole} from './valueTypes.js';

export const SOURCE_SETTINGS = {
  sourceDatabase: {
    env: 'SOURCE_DATABASE',
    schema: columnName,
    example: 'shop',
    desc: 'MySQL database of both tables. Rows of equally named tables in other databases are ignored. Default: the database in MYSQL_URL. Without both, a worker accepts rows of every database. `connector apply` requires one of them.',
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
  guestUserId: {
    env: 'ORDER_GUEST_USER_ID',
    schema: text,
    example: '0',
    desc: 'Value of ORDER_USER_ID_COLUMN that means that nobody is the buyer, in addition to NULL and an empty text. Such orders are not in `report:users`.',
  },
  ordersWhere: {
    env: 'ORDERS_WHERE',
    schema: condition,
    example: 'status=paid|shipped,deleted_at=',
    desc: 'Condition that an order must satisfy to count (docs/mapping.md). An order that does not satisfy it is not in Redis. A change requires `projector rebuild`.',
  },
  totalAmountColumn: {
    env: 'ORDER_TOTAL_AMOUNT_COLUMN',
    schema: columnSum,
    default: 'total_amount',
    example: 'total',
    desc: 'Column of the orders table that contains the amount, or several joined by `+`. Its type must be DECIMAL, or a whole number with MONEY_UNIT=minor.',
  },
  moneyUnit: {
    env: 'MONEY_UNIT',
    schema: oneOf(['major', 'minor'], 'major or minor'),
    default: 'major',
    example: 'minor',
    desc: 'minor: ORDER_TOTAL_AMOUNT_COLUMN contains whole numbers of the smallest unit, for example cents. major: it contains decimals.',
  },
  moneyDecimals: {
    env: 'MONEY_DECIMALS',
    schema: whole(0, 8),
    default: '2',
    example: '2',
    desc: 'Number of decimals of amounts. Redis stores sums in the smallest unit. A column may have more decimals if they are 0. A change requires `projector rebuild`.',
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
  itemsWhere: {
    env: 'ORDER_ITEMS_WHERE',
    schema: condition,
    example: 'parent_item_id=',
    desc: 'Condition that a line item must satisfy to count (docs/mapping.md). A change requires `projector rebuild`.',
  },
  heartbeatTable: {
    env: 'SOURCE_HEARTBEAT_TABLE',
    schema: columnName,
    default: 'heartbeat',
    example: 'heartbeat',
    desc: 'Name of the heartbeat table. Its events only show that the connector is running.',
  },
} as const satisfies Record<string, Setting<unknown>>;
