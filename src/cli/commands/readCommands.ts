/** Declares the commands `report`, `orders` and `offsets`, their options and their help. All but `offsets reset` only read. */
import {Argument, InvalidArgumentError, Option, type Command} from 'commander';
import {ProjectorError} from '../../runtime/errors.js';
import {isWholeNumber} from '../../domain/order.js';
import {printable} from '../../runtime/escapeControl.js';
import {settingsOf, type CommandContext} from '../context.js';
import type {ResetOptions} from './offsetsReset.js';
import {parsePlace} from './offsetPlace.js';
import type {ReportList} from './report.js';

const REPORT_LISTS: readonly ReportList[] = ['products', 'users', 'totals'];

export function addReadCommands(program: Command, context: CommandContext): void {
  addReport(program, context);
  addOrders(program, context);
  addOffsets(program, context);
}

function addReport(program: Command, command: CommandContext): void {
  const {output, end} = command;
  program
    .command('report')
    .description('best sellers, top spenders and totals, from Redis alone')
    .addArgument(new Argument('[list]', 'only this one').choices(REPORT_LISTS))
    .option('--top <rows>', 'rows of each list', rowLimit, 10)
    // `--limit` is the former name of `--top`. It is hidden but still accepted.
    .addOption(new Option('--limit <rows>').argParser(rowLimit).conflicts('top').hideHelp())
    .option('--json', 'print JSON', false)
    .action(async (list: ReportList | undefined, options: {top: number; limit?: number; json: boolean}) => {
      const {top, limit = top, json} = options;
      const config = settingsOf(command, ['redisUrl']);
      const {report} = await import('./report.js');
      end(await report({list, top: limit, json}, {config, output}));
    });
}

function addOrders(program: Command, command: CommandContext): void {
  const {output, end} = command;
  const orders = program.command('orders').description('the orders that Redis holds; MySQL is not asked');
  const context = () => ({config: settingsOf(command, ['redisUrl']), output});

  orders
    .command('count')
    .description("how many there are, by the worker's own count (report:totals)")
    .option(
      '--scan',
      'count the keys instead, and tell when the two differ; remembers every id, about 100 MB for a million orders',
      false,
    )
    .option('--json', 'print JSON', false)
    .action(async (options: {scan: boolean; json: boolean}) => {
      const {onOrders, ordersCount} = await import('./orders.js');
      end(await onOrders(context(), async (on) => await ordersCount(options, on)));
    });

  orders
    .command('list')
    .description("id, user, amount and number of lines, in Redis' own order: by no column, and not by time")
    .option('--limit <rows>', 'at most so many orders', rowLimit, 100)
    .option('--json', 'print one JSON object per order, one a line, named as in the hash', false)
    .action(async (options: {limit: number; json: boolean}) => {
      const {onOrders, ordersList} = await import('./orders.js');
      end(await onOrders(context(), async (on) => await ordersList(options, on)));
    });

  orders
    .command('show')
    .description(
      'everything of one order, with its lines: this is customer data. Exit 3 when there is no such order',
    )
    .argument('<id>', 'the id of the order, as MySQL prints it', orderId)
    .option('--json', 'print JSON; {"found":false,"id":"7"} when there is no such order', false)
    .action(async (id: string, options: {json: boolean}) => {
      const {onOrders, ordersShow} = await import('./orders.js');
      end(await onOrders(context(), async (on) => await ordersShow({id, ...options}, on)));
    });
}

function addOffsets(program: Command, command: CommandContext): void {
  const {output, end} = command;
  const offsets = program.command('offsets').description('where the workers are in the log');

  offsets
    .command('show')
    .description(
      'per partition: the position in Redis, which alone counts; what is committed in Kafka, for lag tools; both ends of the log; lag',
    )
    .option('--json', 'print JSON', false)
    .action(async (options: {json: boolean}) => {
      const config = settingsOf(command, ['brokers', 'redisUrl']);
      const {offsetsShow} = await import('./offsets.js');
      end(await offsetsShow(options, {config, output}));
    });

  offsets
    .command('reset')
    .description(
      'let the workers apply the log again from an earlier place, over living data; in the end all is as before. Asks first',
    )
    .requiredOption(
      '--to <place>',
      '`earliest`, an offset, or a time such as 2026-11-25T07:00:00Z',
      parsePlace,
    )
    .option('--partition <number>', 'this one alone', partitionNumber)
    .option('--yes', 'do not ask', false)
    .option('--json', 'print JSON', false)
    .action(async (options: ResetOptions) => {
      const config = settingsOf(command, ['brokers', 'redisUrl']);
      const {offsetsReset} = await import('./offsetsReset.js');
      end(await offsetsReset(options, {config, output}));
    });
}

function rowLimit(value: string): number {
  if (!/^[1-9]\d{0,5}$/.test(value))
    throw new InvalidArgumentError('must be a whole number from 1 to 999999.');
  return Number(value);
}

function orderId(value: string): string {
  if (!isWholeNumber(value)) {
    throw new ProjectorError(
      'usage',
      `${printable(JSON.stringify(value))} is no id of an order: a whole number`,
    );
  }
  return value;
}

function partitionNumber(value: string): number {
  if (!/^\d{1,6}$/.test(value)) throw new InvalidArgumentError('must be the number of a partition.');
  return Number(value);
}
