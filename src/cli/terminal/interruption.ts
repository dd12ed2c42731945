/** Handles Ctrl-C and SIGTERM in long-running commands. The first signal stops them gracefully. The second one exits at once. */
import {EXIT} from '../../runtime/errorPolicy.js';
import type {ProgressLine} from './progressLine.js';

const STOPPED = 'stopped; run the command again to finish';

/**
 * Resolves with the exit code of `work`, or with that of the signal that stopped it. The progress line is erased by then.
 * `last` is printed after an interruption. It is null for a command that runs until it is stopped, such as `lag --watch`.
 */
export async function interruptible(
  line: ProgressLine,
  work: (signal: AbortSignal) => Promise<number>,
  last: string | null = STOPPED,
): Promise<number> {
  const stopping = new AbortController();
  let exitCode: number | undefined;
  const onSignal = (name: NodeJS.Signals): void => {
    const code = name === 'SIGINT' ? EXIT.interrupted : EXIT.terminated;
    if (exitCode !== undefined) process.exit(code);
    exitCode = code;
    stopping.abort();
  };
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  try {
    const code = await work(stopping.signal);
    // If `last` is null, only a signal ends the command. So the exit code is that of the signal.
    return last === null ? (exitCode ?? code) : code;
  } catch (error) {
    if (exitCode === undefined || error !== stopping.signal.reason) throw error;
    if (last !== null) line.note(last);
    return exitCode;
  } finally {
    line.clear();
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}
