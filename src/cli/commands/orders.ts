/** `projector orders count|list|show`: prints orders from Redis, which are customer data. It connects to Redis only. */
import type {Command} from 'commander';
import {ProjectorError} from '../../runtime/errors.js';
import {givenOrderId} from '../../domain/id.js';
import {settingsOf, type CommandContext} from '../context.js';
import {rowLimit} from '../optionValues.js';
import type {OrdersCountAnswer} from '../answers/report.js';
import type {ConfigWith} from '../../config/config.js';
import {EXIT} from '../../runtime/errorPolicy.js';
import {keySpace, type KeySpace} from '../../redis-model/keys.js';
import {
  countOrders,
  findOrder,
  LISTED_FIELDS,
  listOrders,
  oddityOf,
  orderJson,
  partitionsHeld,
  shown,
  type OrderSource,
} from '../../operations/report/orders.js';
import {totals, type ReportSettings, type ReportSource} from '../../operations/report/report.js';
import type {StoredItem} from '../../redis-model/storedItems.js';
import {withRedis} from '../servers.js';
import {table, tableRow, type Output} from '../terminal/output.js';
import {counted} from '../../runtime/counted.js';

export function addOrders(program: Command, command: CommandContext): void {
  const {output, end} = command;
  const orders = program
    .command('orders')
    .description('count, list or show the orders in Redis. Does not connect to MySQL');
  const context = () => ({config: settingsOf(command, ['redisUrl']), output});

  orders
    .command('count')
    .description('show the number of orders as counted by the workers (report:totals)')
    .option(
      '--scan',
      'count the keys instead, and report a difference. Keeps all ids in memory: about 100 MB per million orders',
      false,
    )
    .option('--json', 'print JSON', false)
    .action(async (options: {scan: boolean; json: boolean}) => {
      end(await onOrders(context(), async (on) => await ordersCount(options, on)));
    });

  orders
    .command('list')
    .description(
      'list id, user, amount and number of line items of each order, unsorted (in the order of SCAN)',
    )
    .option('--limit <rows>', 'maximum number of orders', rowLimit, 100)
    .option('--json', 'print one JSON object per line and order, with the field names of the hash', false)
    .action(async (options: {limit: number; json: boolean}) => {
      end(await onOrders(context(), async (on) => await ordersList(options, on)));
    });

  orders
    .command('show')
    .description(
      'show one order with its line items: this is customer data. Exits with code 3 if it does not exist',
    )
    .argument('<id>', 'id of the order, as MySQL or Redis prints it', orderId)
    .option('--json', 'print JSON; {"found":false,"id":"7"} if the order does not exist', false)
    .action(async (id: string, options: {json: boolean}) => {
      end(await onOrders(context(), async (on) => await ordersShow({id, ...options}, on)));
    });
}

function orderId(value: string): string {
  const id = givenOrderId(value);
  if (id === undefined) throw new ProjectorError('usage', 'the order id must not be empty');
  return id;
}

/** The dependencies of these commands. Tests pass a fake in place of Redis. */
export interface OrdersContext {
  readonly redis: OrderSource & ReportSource;
  readonly keys: KeySpace;
  readonly settings: ReportSettings;
  readonly output: Output;
}

/** Runs one of these commands on the configured Redis. Resolves with its exit code. */
export async function onOrders(
  {config, output}: {config: ConfigWith<'redisUrl'>; output: Output},
  command: (context: OrdersContext) => Promise<number>,
): Promise<number> {
  const {moneyDecimals, quantityDecimals} = config;
  const keys = keySpace(config.redisLayout, config.keyPrefix);
  const settings = {prefix: keys.sharedPrefix, moneyDecimals, quantityDecimals};
  return await withRedis(config, async (redis) => await command({redis, keys, settings, output}));
}

/**
 * Prints the number of orders that the workers maintain in `report:totals`. With `scan`, it also counts the keys, and prints a note
 * if both numbers differ.
 */
export async function ordersCount(
  {scan, json}: {readonly scan: boolean; readonly json: boolean},
  {redis, keys, settings, output}: OrdersContext,
): Promise<number> {
  const scanned = scan ? String(await countOrders(redis, keys)) : undefined;
  const {orders} = await totals(redis, settings);
  const answer: OrdersCountAnswer = scanned === undefined ? {orders} : {orders, scanned};
  if (json) output.line(JSON.stringify(answer));
  else output.line(scanned ?? orders);
  if (scanned !== undefined && scanned !== orders) {
    output.note(
      `${keys.shared.reportTotals} holds ${counted(orders, 'order')}, but SCAN found ${scanned}: this is normal while workers write; if no worker writes, another program has changed keys`,
    );
  }
  return EXIT.ok;
}

/** These widths fit every BIGINT and DECIMAL(12,2). They are fixed, because rows are printed before the widest one is known. */
const LIST_WIDTHS = [20, 20, 14, 11];

export async function ordersList(
  {limit, json}: {readonly limit: number; readonly json: boolean},
  {redis, keys, output}: OrdersContext,
): Promise<number> {
  let isBegun = false;
  for await (const {orders, foreign} of listOrders(redis, keys, limit)) {
    if (!json && !isBegun && orders.length > 0) {
      output.line(tableRow(['id', ...LISTED_FIELDS], LIST_WIDTHS));
      isBegun = true;
    }
    for (const {id, fields} of orders) {
      const entries = LISTED_FIELDS.map((name, index) => [name, fields[index] ?? null] as const);
      if (json) output.line(JSON.stringify({id, ...Object.fromEntries(entries)}));
      else output.line(tableRow([id, ...entries.map(([, value]) => shown(value ?? 'none'))], LIST_WIDTHS));
    }
    for (const key of foreign) output.note(`${key} is not a hash: another program has written it`);
  }
  return EXIT.ok;
}

/** Prints one order. Resolves with `EXIT.differences` if Redis holds no such order. */
export async function ordersShow(
  {id, json}: {readonly id: string; readonly json: boolean},
  {redis, keys, output}: OrdersContext,
): Promise<number> {
  const partitions = await partitionsHeld(redis, keys);
  const {order, keys: found} = await findOrder(redis, {keys, partitions, id});
  const {row, items} = order;
  if (json) output.line(JSON.stringify(orderJson(id, order)));
  else {
    if (row !== null) for (const text of fieldsOf(row)) output.line(text);
    if (row !== null && items.length > 0) output.line('');
    if (items.length > 0) for (const text of itemsOf(items)) output.line(text);
    const oddity = oddityOf(id, order, found);
    if (oddity !== undefined) output.note(oddity);
  }
  return row === null ? EXIT.differences : EXIT.ok;
}

function fieldsOf(row: Readonly<Record<string, string>>): string[] {
  const width = Math.max(...Object.keys(row).map((name) => name.length));
  return Object.entries(row).map(([name, value]) => `${name.padEnd(width)}  ${shown(value)}`.trimEnd());
}

function itemsOf(items: readonly StoredItem[]): string[] {
  const hasAmounts = items.some(({amount}) => amount !== undefined);
  const cells = items.map(({id, productId, quantity, amount}) => [
    ...[id, productId, quantity],
    ...(hasAmounts ? [amount ?? ''] : []),
  ]);
  return table(['item', 'product_id', 'quantity', ...(hasAmounts ? ['amount'] : [])], cells);
}
