/**
 * Starts the servers for all tests that require them. Each jest process has its own stack, so that concurrent test files
 * share nothing. The addresses are passed in TEST_STACKS. STACK_MODE=native|docker selects how the servers run. The default
 * is containers if a Docker engine responds, else native processes.
 */
import {stackName, STACKS_VARIABLE} from './stack.js';
import {startStack, type Stack, type StackMode} from '../../stack/stack.js';

const SERVERS: Record<StackMode, string> = {
  docker: 'containers (set STACK_MODE=native for native processes)',
  native: 'native processes (set STACK_MODE=docker for containers)',
};

export default async function setUp({maxWorkers}: {readonly maxWorkers: number}): Promise<void> {
  const mode = chosenMode();
  const stacks = await Promise.all(
    Array.from({length: maxWorkers}, async (_, lane) => await started(lane, mode)),
  );
  const [{mode: found} = {mode: 'native' as const}] = stacks;
  process.stderr.write(`test lanes: ${stacks.length}, each with its own servers as ${SERVERS[found]}\n`);
  process.env[STACKS_VARIABLE] = JSON.stringify(
    stacks.map(({name, mode: way, env, pids}) => ({name, mode: way, env, pids})),
  );
}

async function started(lane: number, mode: StackMode | undefined): Promise<Stack> {
  return await startStack({
    name: stackName(process.pid, lane),
    mode,
    hasQuickConnect: true,
    ownerPid: process.pid,
    onProgress: (line) => process.stderr.write(`lane ${lane + 1}: ${line}\n`),
  });
}

function chosenMode(): StackMode | undefined {
  const mode = process.env['STACK_MODE'];
  if (mode === undefined || mode === '') return undefined;
  if (mode === 'native' || mode === 'docker') return mode;
  throw new Error(`STACK_MODE is "${mode}", but it must be native, docker or unset`);
}
