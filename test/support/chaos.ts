/** Runs `npm run chaos` as a process, for a test. */
import {spawn, type ChildProcess} from 'node:child_process';

const VERDICT_LINES_MAX = 25;
const running = new Set<ChildProcess>();

export interface ChaosResult {
  readonly code: number | null;
  readonly output: string;
}

export function chaos(args: readonly string[]): Promise<ChaosResult> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'stack/chaos/main.ts', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (data: Buffer) => (output += data.toString()));
  }
  running.add(child);
  return new Promise((resolve) => {
    child.once('close', (code) => {
      running.delete(child);
      resolve({code, output});
    });
  });
}

/** The failures and differences of a run. If it printed none, its last lines. The whole output is printed before. */
export function verdict(output: string): string {
  process.stderr.write(output);
  const failures = output.indexOf('\nFAILED: ');
  const lines = output
    .slice(failures + 1)
    .trimEnd()
    .split('\n');
  return (failures === -1 ? lines.slice(-VERDICT_LINES_MAX) : lines.slice(0, VERDICT_LINES_MAX)).join('\n');
}

/** Stops each run, also if the tests end early, because a run that is stopped removes its servers. */
export function stopChaos(): void {
  for (const child of running) child.kill('SIGTERM');
}
process.once('exit', stopChaos);
