/** `projector report [products|users|totals]`: prints best sellers, top spenders and totals. It connects to Redis only. */
import {Argument, Option, type Command} from 'commander';
import {settingsOf, type CommandContext} from '../context.js';
import {rowLimit} from '../optionValues.js';
import type {ConfigWith} from '../../config/config.js';
import {keySpace} from '../../redis-model/keys.js';
import {EXIT} from '../../runtime/errorPolicy.js';
import {
  bestSellers,
  topSpenders,
  totals,
  type ReportSettings,
  type ReportSource,
} from '../../operations/report/report.js';
import {withRedis} from '../servers.js';
import {table, type Output} from '../terminal/output.js';
import {counted} from '../../runtime/counted.js';

const REPORT_LISTS: readonly ReportList[] = ['products', 'users', 'totals'];

export function addReport(program: Command, command: CommandContext): void {
  const {output, end} = command;
  program
    .command('report')
    .description('show best sellers, top spenders and totals. Connects to Redis only')
    .addArgument(new Argument('[list]', 'show only this list').choices(REPORT_LISTS))
    .option('--top <rows>', 'maximum number of rows per list', rowLimit, 10)
    // `--limit` is the former name of `--top`. It is hidden but still accepted.
    .addOption(new Option('--limit <rows>').argParser(rowLimit).conflicts('top').hideHelp())
    .option('--json', 'print JSON', false)
    .action(async (list: ReportList | undefined, options: {top: number; limit?: number; json: boolean}) => {
      const {top, limit = top, json} = options;
      const config = settingsOf(command, ['redisUrl']);
      end(await report({list, top: limit, json}, {config, output}));
    });
}

export type ReportList = 'products' | 'users' | 'totals';

export interface ReportOptions {
  /** The list to print. If it is undefined, all three are printed. */
  readonly list: ReportList | undefined;
  /** Maximum number of rows in each list. */
  readonly top: number;
  readonly json: boolean;
}

export async function report(
  options: ReportOptions,
  {config, output}: {config: ConfigWith<'redisUrl'>; output: Output},
): Promise<number> {
  const {moneyDecimals, quantityDecimals} = config;
  const {sharedPrefix: prefix} = keySpace(config.redisLayout, config.keyPrefix);
  const settings = {prefix, moneyDecimals, quantityDecimals};
  return await withRedis(config, async (redis) => {
    await printReport(options, {redis, settings, output});
    return EXIT.ok;
  });
}

export async function printReport(
  {list, top, json}: ReportOptions,
  {output, ...from}: {redis: ReportSource; settings: ReportSettings; output: Output},
): Promise<void> {
  const read = async (name: ReportList): Promise<Part> => await PARTS[name]({...from, top});
  const {value, lines} = list === undefined ? await whole(read) : await read(list);
  for (const line of json ? [JSON.stringify(value)] : lines) output.line(line);
}

/** One part of the report, as a JSON value and as lines of text. */
interface Part {
  readonly value: unknown;
  readonly lines: readonly string[];
}

async function whole(read: (name: ReportList) => Promise<Part>): Promise<Part> {
  const [sums, products, users] = [await read('totals'), await read('products'), await read('users')];
  return {
    value: {totals: sums.value, bestSellers: products.value, topSpenders: users.value},
    lines: [...sums.lines, '', ...products.lines, '', ...users.lines],
  };
}

interface PartRequest {
  readonly redis: ReportSource;
  readonly settings: ReportSettings;
  readonly top: number;
}

const PARTS: Record<ReportList, (request: PartRequest) => Promise<Part>> = {
  products: async ({redis, settings, top}) => {
    const rows = await bestSellers(redis, settings, top);
    const cells = rows.map(({productId, unitsSold}) => [productId, unitsSold]);
    return {value: rows, lines: table(['best sellers: product', 'units'], cells)};
  },
  users: async ({redis, settings, top}) => {
    const rows = await topSpenders(redis, settings, top);
    const cells = rows.map(({userId, spent}) => [userId, spent]);
    return {value: rows, lines: table(['top spenders: user', 'spent'], cells)};
  },
  totals: async ({redis, settings}) => {
    const sums = await totals(redis, settings);
    return {
      value: sums,
      lines: [`${counted(sums.orders, 'order')}, ${counted(sums.units, 'unit')}, revenue ${sums.revenue}`],
    };
  },
};
