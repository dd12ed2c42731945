/**
 * Starts the servers once for all tests that need them, registers the connector, and leaves the addresses in
 * TEST_STACK for the test files. STACK_MODE=native|docker forces a way; without it: containers where a Docker engine answers,
 * else native processes.
 */
import {connectorApplied, stackName, STACK_VARIABLE} from './stack.js';
import {startStack, type StackMode} from '../../stack/stack.js';

const SERVERS: Record<StackMode, string> = {
  docker: 'containers (STACK_MODE=native for native processes)',
  native: 'native processes (STACK_MODE=docker for containers)',
};

export default async function setUp(): Promise<void> {
  const mode = chosenMode();
  const stack = await startStack({
    name: stackName(process.pid),
    mode,
    ownerPid: process.pid,
    onProgress: (line) => process.stderr.write(`${line}\n`),
  });
  process.stderr.write(`these tests run on ${SERVERS[stack.mode]}\n`);
  process.env[STACK_VARIABLE] = JSON.stringify({
    name: stack.name,
    mode: stack.mode,
    env: stack.env,
    pids: stack.pids,
  });
  await connectorApplied();
}

function chosenMode(): StackMode | undefined {
  const mode = process.env['STACK_MODE'];
  if (mode === undefined || mode === '') return undefined;
  if (mode === 'native' || mode === 'docker') return mode;
  throw new Error(`STACK_MODE is "${mode}": it must be native or docker, or not set`);
}
