/**
 * Starts the servers once for all tests that need them, registers the connector, and leaves the addresses in
 * TEST_STACK for the test files. STACK_MODE=native|docker forces a way; without it the launcher picks one.
 */
import {connectorApplied, stackName, STACK_VARIABLE} from './stack.js';
import {startStack, type StackMode} from '../../stack/stack.js';

export default async function setUp(): Promise<void> {
  const mode = process.env['STACK_MODE'] as StackMode | undefined;
  const stack = await startStack({
    name: stackName(process.pid),
    mode,
    ownerPid: process.pid,
    onProgress: (line) => process.stderr.write(`${line}\n`),
  });
  process.env[STACK_VARIABLE] = JSON.stringify({
    name: stack.name,
    mode: stack.mode,
    env: stack.env,
    pids: stack.pids,
  });
  await connectorApplied();
}
