/** The command line of `npm run chaos`. */
import {parseArgs} from 'node:util';
import type {StackMode} from '../stack.js';

export interface ChaosOptions {
  readonly seed: number;
  readonly minutes: number;
  /** The run goes on until so many workers were killed. */
  readonly killsMin: number;
  readonly mode: StackMode;
  readonly name: string;
  readonly keepLogs: boolean;
}

export const HELP = `Usage: npm run chaos -- [options]

Runs the whole pipeline on servers of its own, with two to four workers, while a shop trades and faults happen: workers
killed, frozen, stopped, added and removed; networks cut, held, slowed down; Redis killed, flushed, rolled back to an older
dump; Kafka and Kafka Connect killed and paused; bad records. At the end Redis is compared with MySQL, with a fold of the
whole log, and with a rebuild by a fresh worker.

  --seed N        repeats what is tried, though not its timing (default: a new one)
  --minutes M     how long faults happen; 0.5 to 1440, default 3 (servers and comparisons take a minute more)
  --kills N       go on until so many workers were killed (default 0)
  --native        servers as processes (the default): all faults
  --docker        servers in containers: without roll-backs and without faults between workers and Kafka
  --name NAME     of the stack (default: chaos and the process id)
  --keep-logs     keep the workers' logs also when all is well
  --help

Exit codes: 0 no differences and no failed worker, 1 otherwise, 2 usage, 4 servers could not be started, 130 interrupted.
`;

/** Throws an Error with one sentence when the arguments are wrong; undefined when help is asked for. */
export function readOptions(
  args: readonly string[],
  defaults: {seed: number; name: string},
): ChaosOptions | undefined {
  const {values} = parseArgs({
    args: [...args],
    options: {
      seed: {type: 'string', default: String(defaults.seed)},
      minutes: {type: 'string', default: '3'},
      kills: {type: 'string', default: '0'},
      name: {type: 'string', default: defaults.name},
      native: {type: 'boolean', default: false},
      docker: {type: 'boolean', default: false},
      'keep-logs': {type: 'boolean', default: false},
      help: {type: 'boolean', default: false},
    },
  });
  if (values.help) return undefined;
  if (!/^\d{1,9}$/.test(values.seed)) throw new Error('--seed must be a whole number of at most 9 digits');
  const minutes = Number(values.minutes);
  if (!/^\d+(\.\d+)?$/.test(values.minutes) || minutes < 0.5 || minutes > 1_440) {
    throw new Error('--minutes must be a number from 0.5 to 1440');
  }
  if (!/^\d{1,4}$/.test(values.kills)) throw new Error('--kills must be a whole number of at most 4 digits');
  if (values.native && values.docker) throw new Error('--native and --docker exclude each other');
  return {
    seed: Number(values.seed),
    minutes,
    killsMin: Number(values.kills),
    mode: values.docker ? 'docker' : 'native',
    name: values.name,
    keepLogs: values['keep-logs'],
  };
}
