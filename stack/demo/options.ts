/** The command line of `npm run demo`. */
import {parseArgs} from 'node:util';
import type {StackMode} from '../stack.js';
import {shopNames} from './foreignDemo.js';

export interface DemoOptions {
  readonly orders: number;
  readonly keep: boolean;
  readonly mode: StackMode | undefined;
  readonly name: string;
  readonly seed: number;
  /** A shop system in `shops/`. Undefined for the shop of the demo. */
  readonly shop: string | undefined;
}

export const HELP = `Usage: npm run demo -- [options]

Shows the whole pipeline on one machine. It starts MySQL, Kafka, Kafka Connect with Debezium, and Redis. It runs a simulated
shop in MySQL and a worker, kills the worker under load, and compares Redis with MySQL at the end.

  --orders N      number of orders that the shop places (default 5000); with --shop the number of transactions (default 500)
  --keep          keep the servers and a worker running, and print commands to try and the address of the live page
  --native        run the servers as processes (Linux on amd64, Java 17 or later, Maven); the default without Docker
  --docker        run the servers in containers; the default if a Docker engine responds
  --name NAME     name of the stack, for \`npm run stack -- ... --name NAME\` (default: demo)
  --seed N        repeat the random choices of the shop, but not their timing (default 1)
  --shop NAME     use the tables, rows and settings of a shop system (shops/README.md); not with --keep
  --help          print this help

Names for --shop: ${shopNames().join(', ')}

The first native run takes about two minutes, because it downloads the servers. Later runs take less than one.
Exit codes: 0 no differences, 1 the demo failed, 2 wrong usage, 3 differences, 130 interrupted.
`;

/** Throws an Error with one sentence if the arguments are wrong. Returns undefined for --help. */
export function readOptions(args: readonly string[]): DemoOptions | undefined {
  const {values} = parseArgs({
    args: [...args],
    options: {
      orders: {type: 'string'},
      shop: {type: 'string'},
      seed: {type: 'string', default: '1'},
      name: {type: 'string', default: 'demo'},
      keep: {type: 'boolean', default: false},
      native: {type: 'boolean', default: false},
      docker: {type: 'boolean', default: false},
      help: {type: 'boolean', default: false},
    },
  });
  if (values.help) return undefined;
  const {shop, orders = shop === undefined ? '5000' : '500'} = values;
  if (shop !== undefined && !shopNames().includes(shop))
    throw new Error(`--shop must be one of ${shopNames().join(', ')}`);
  if (shop !== undefined && values.keep) throw new Error('--shop and --keep cannot be combined');
  if (!/^[1-9]\d{0,6}$/.test(orders)) throw new Error('--orders must be an integer from 1 to 9999999');
  if (!/^\d{1,9}$/.test(values.seed)) throw new Error('--seed must be an integer from 0 to 999999999');
  if (values.native && values.docker) throw new Error('--native and --docker cannot be combined');
  const mode = values.native ? 'native' : values.docker ? 'docker' : undefined;
  return {
    orders: Number(orders),
    shop,
    seed: Number(values.seed),
    name: values.name,
    keep: values.keep,
    mode,
  };
}
