/** The command line of `npm run chaos`. */
import {parseArgs} from 'node:util';
import type {StackMode} from '../stack.js';
import {REDIS_KINDS, type RedisKind} from '../stackState.js';

export interface ChaosOptions {
  readonly seed: number;
  readonly minutes: number;
  /** The run continues until at least this many workers were killed. */
  readonly killsMin: number;
  readonly redis: RedisKind;
  readonly mode: StackMode;
  readonly name: string;
  readonly keepLogs: boolean;
}

export const HELP = `Usage: npm run chaos -- [options]

Runs the whole pipeline on its own servers with two to four workers, while a simulated shop writes to MySQL, and injects
faults:
  workers            killed, frozen, stopped, added and removed
  network            reset, blocked, slowed down, replies lost
  Redis              killed, paused, flushed, restored from an older copy, rejecting writes
  Redis Cluster      masters killed, frozen and cut off from the other nodes; failovers that lose writes; slots that move
  Kafka and Connect  killed and paused
  records            that cannot be applied
At the end it compares Redis with MySQL, with the state that results from applying the whole topic, and with a rebuild by a new worker.

  --seed N        repeat the sequence of faults, but not their timing (default: a new seed)
  --minutes M     inject faults for M minutes, 0.5 to 1440 (default 3); start and comparisons take a minute more.
                  Runs of less than 1 minute leave out the slowest faults
  --kills N       continue until at least N workers were killed (default 0)
  --redis KIND    single: one Redis (default); partitioned: one Redis with REDIS_LAYOUT=partitioned; cluster: a Redis Cluster
                  of three masters with replicas
  --native        run the servers as processes (default), with all faults
  --docker        run the servers in containers, without restored copies and without faults between workers and Kafka
  --name NAME     name of the stack (default: chaos-PID)
  --keep-logs     keep the logs even if the run succeeds
  --help          print this help

Exit codes: 0 no differences and no failures, 1 differences or failures, 2 wrong usage, 4 the servers did not start,
130 interrupted.
`;

/** Throws an Error with one sentence if the arguments are wrong. Returns undefined for --help. */
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
      redis: {type: 'string', default: 'single'},
      name: {type: 'string', default: defaults.name},
      native: {type: 'boolean', default: false},
      docker: {type: 'boolean', default: false},
      'keep-logs': {type: 'boolean', default: false},
      help: {type: 'boolean', default: false},
    },
  });
  if (values.help) return undefined;
  if (!/^\d{1,9}$/.test(values.seed)) throw new Error('--seed must be an integer of at most 9 digits');
  const minutes = Number(values.minutes);
  if (!/^\d+(\.\d+)?$/.test(values.minutes) || minutes < 0.5 || minutes > 1_440) {
    throw new Error('--minutes must be a number from 0.5 to 1440');
  }
  if (!/^\d{1,4}$/.test(values.kills)) throw new Error('--kills must be an integer of at most 4 digits');
  if (values.native && values.docker) throw new Error('--native and --docker cannot be combined');
  const redis = REDIS_KINDS.find((kind) => kind === values.redis);
  if (redis === undefined) throw new Error(`--redis must be one of ${REDIS_KINDS.join(', ')}`);
  if (redis === 'cluster' && values.docker)
    throw new Error('--redis cluster needs --native, because its nodes are processes');
  return {
    redis,
    seed: Number(values.seed),
    minutes,
    killsMin: Number(values.kills),
    mode: values.docker ? 'docker' : 'native',
    name: values.name,
    keepLogs: values['keep-logs'],
  };
}
