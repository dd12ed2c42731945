/** The commands that only read: their options and their help. */
import {Argument, InvalidArgumentError, Option, type Command} from 'commander';
import {readConfig} from '../config.js';
import type {CommandContext} from './dlqCommands.js';
import {lag} from './lag.js';
import {report, REPORT_LISTS, type ReportList} from './report.js';

export function addReadCommands(program: Command, context: CommandContext): void {
  addReport(program, context);
  addLag(program, context);
}

function addReport(program: Command, {environment, output, end}: CommandContext): void {
  program
    .command('report')
    .description('best sellers, top spenders and totals, from Redis alone')
    .addArgument(new Argument('[list]', 'only this one').choices(REPORT_LISTS))
    .option('--top <rows>', 'rows of each list', rowLimit, 10)
    // Its name before there were lists to choose from.
    .addOption(new Option('--limit <rows>').argParser(rowLimit).conflicts('top').hideHelp())
    .option('--json', 'print JSON', false)
    .action(async (list: ReportList | undefined, options: {top: number; limit?: number; json: boolean}) => {
      const {top, limit = top, json} = options;
      const config = readConfig(environment, ['redisUrl']);
      end(await report({list, top: limit, json}, {config, output}));
    });
}

function addLag(program: Command, {environment, output, end}: CommandContext): void {
  program
    .command('lag')
    .description('how many records Redis is behind the log')
    .option('--json', 'print JSON', false)
    .action(async (options: {json: boolean}) =>
      end(await lag(options, {config: readConfig(environment, ['brokers', 'redisUrl']), output})),
    );
}

function rowLimit(value: string): number {
  if (!/^[1-9]\d{0,5}$/.test(value))
    throw new InvalidArgumentError('must be a whole number from 1 to 999999.');
  return Number(value);
}
