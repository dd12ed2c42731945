/** Gives test files access to the servers of this test run. */
import {spawnSync} from 'node:child_process';
import {workerVariables, type Stack, type StackEnv} from '../../stack/stack.js';

/** The variable that holds the stacks of all lanes as JSON. */
export const STACKS_VARIABLE = 'TEST_STACKS';

export type TestStack = Pick<Stack, 'name' | 'mode' | 'env' | 'pids'>;

/** The database and topic that a test file uses alone on the servers of its lane. */
export interface OwnNames {
  readonly database: string;
  readonly topic: string;
}

let own: OwnNames | undefined;

export function stackName(pid: number, lane: number): string {
  return `test-${pid}-${lane}`;
}

/** Makes `testStack` return this database and this topic. */
export function useOwn(names: OwnNames): void {
  own = names;
}

/** The stack of this lane, started by startStacks.ts. It has the database and topic of this file after `shopOfFile`. */
export function testStack(): TestStack {
  const text = process.env[STACKS_VARIABLE];
  if (text === undefined)
    throw new Error(
      'these tests require running servers: run them with `npm test`, which starts the servers',
    );
  const stacks = JSON.parse(text) as TestStack[];
  // jest numbers its processes from 1. Each process uses the servers of the same number.
  const stack = stacks[Number(process.env['JEST_WORKER_ID'] ?? '1') - 1];
  if (stack === undefined)
    throw new Error(
      `there are servers for only ${stacks.length} lanes: use at most --maxWorkers=${stacks.length}`,
    );
  if (own === undefined) return stack;
  const {mysql} = stack.env;
  return {...stack, env: {...stack.env, mysql: {...mysql, database: own.database}, topic: own.topic}};
}

/** The environment variables of a worker on this stack. */
export function variables(env: StackEnv = testStack().env): Record<string, string> {
  return {...workerVariables(env)};
}

export interface CommandResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `projector ...` as a process until it exits, with the variables of the stack plus these ones. */
export function projectorProcess(
  args: readonly string[],
  extra: Readonly<Record<string, string>> = {},
): CommandResult {
  const {status, stdout, stderr} = spawnSync(process.execPath, ['dist/main.js', ...args], {
    env: {...process.env, NODE_ENV: 'production', ...variables(), ...extra},
    encoding: 'utf8',
  });
  return {status, stdout, stderr};
}
