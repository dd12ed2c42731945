/** `npm run bench`: see HELP. */
import {mkdirSync, writeFileSync} from 'node:fs';
import {cpus, totalmem} from 'node:os';
import {parseArgs} from 'node:util';
import {startStack, type StackMode} from '../stack/stack.js';
import {EXIT_CODE, messageOf, StackError} from '../stack/stackError.js';
import {compare} from './compare.js';
import {tableOf} from './table.js';

const HELP = `Replays one topic with this worker and with what one would write instead, in turns, and checks each final state.

Usage: npm run bench -- [options]
  --events N   row events in the topic (1000000)
  --rounds N   each runs so often; medians count (3)
  --native     native servers; --docker: containers
  --keep       leave the servers up, for a second run on the same topics
  --help
The table goes to stdout, everything to bench/results/compare.json. Load from anything else makes the figures worthless.
`;

process.exitCode = await main();

async function main(): Promise<number> {
  let options: Options;
  try {
    const found = readOptions(process.argv.slice(2));
    if (found === undefined) {
      process.stdout.write(HELP);
      return 0;
    }
    options = found;
  } catch (error) {
    process.stderr.write(`bench: ${messageOf(error)}\nSee: npm run bench -- --help\n`);
    return EXIT_CODE.usage;
  }
  try {
    return await onStack(options);
  } catch (error) {
    process.stderr.write(`The benchmark failed: ${messageOf(error)}\n`);
    return error instanceof StackError ? error.exitCode : EXIT_CODE.unexpected;
  }
}

interface Options {
  readonly events: number;
  readonly rounds: number;
  readonly mode: StackMode | undefined;
  readonly keep: boolean;
}

function readOptions(args: string[]): Options | undefined {
  const {values} = parseArgs({
    args,
    options: {
      events: {type: 'string', default: '1000000'},
      rounds: {type: 'string', default: '3'},
      native: {type: 'boolean'},
      docker: {type: 'boolean'},
      keep: {type: 'boolean', default: false},
      help: {type: 'boolean'},
    },
  });
  if (values.help === true) return undefined;
  const mode = values.native === true ? 'native' : values.docker === true ? 'docker' : undefined;
  return {
    events: wholeNumber('--events', values.events, 1_000),
    rounds: wholeNumber('--rounds', values.rounds, 1),
    ...{mode, keep: values.keep},
  };
}

function wholeNumber(name: string, text: string, min: number): number {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= min) return number;
  throw new Error(`${name} must be a whole number from ${min}`);
}

async function onStack({events, rounds, mode, keep}: Options): Promise<number> {
  const tell = (line: string): void => void process.stderr.write(`${line}\n`);
  const stack = await startStack({
    name: 'bench',
    mode,
    onProgress: tell,
    ...(keep ? {} : {ownerPid: process.pid}),
  });
  try {
    const plan = {events, products: 1_000, users: 10_000, seed: 1};
    const results = await compare(stack.env, {plan, rounds}, tell);
    const machine = {
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      node: process.version,
    };
    mkdirSync('bench/results', {recursive: true});
    writeFileSync('bench/results/compare.json', `${JSON.stringify({machine, plan, results}, null, 1)}\n`);
    process.stdout.write(`${tableOf(results)}\n`);
    const isRight = results.every(({rounds: all}) => all.every(({verdict}) => (verdict?.wrong ?? 0) === 0));
    return isRight ? 0 : EXIT_CODE.unexpected;
  } finally {
    if (!keep) await stack.down();
  }
}
