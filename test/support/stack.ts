/** The servers of this test run, as the test files see them. */
import {spawnSync} from 'node:child_process';
import {workerVariables, type Stack, type StackEnv} from '../../stack/stack.js';

/** One stack for each lane, as JSON. */
export const STACKS_VARIABLE = 'TEST_STACKS';

export type TestStack = Pick<Stack, 'name' | 'mode' | 'env' | 'pids'>;

/** What a test file has for itself on the servers of its lane. */
export interface OwnNames {
  readonly database: string;
  readonly topic: string;
}

let own: OwnNames | undefined;

export function stackName(pid: number, lane: number): string {
  return `test-${pid}-${lane}`;
}

/** From now on `testStack` names this database and this topic. */
export function useOwn(names: OwnNames): void {
  own = names;
}

/** The stack of this lane that startStacks.ts started, with the database and topic of this file once it has opened its shop. */
export function testStack(): TestStack {
  const text = process.env[STACKS_VARIABLE];
  if (text === undefined) throw new Error('run these tests with `npm test`: they need the servers it starts');
  const stacks = JSON.parse(text) as TestStack[];
  // Jest numbers its processes from 1; each one has the servers of its number.
  const stack = stacks[Number(process.env['JEST_WORKER_ID'] ?? '1') - 1];
  if (stack === undefined) throw new Error(`there are servers for ${stacks.length} lanes only`);
  if (own === undefined) return stack;
  const {mysql} = stack.env;
  return {...stack, env: {...stack.env, mysql: {...mysql, database: own.database}, topic: own.topic}};
}

/** The environment of a worker on this stack. */
export function variables(env: StackEnv = testStack().env): Record<string, string> {
  return {...workerVariables(env)};
}

export interface CommandResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `projector ...` as a process, to its end, with these variables on top of the stack's. */
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
