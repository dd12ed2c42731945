/** Ctrl-C and SIGTERM for commands that work for long: the first one stops in good order, the second one at once. */
import {EXIT} from '../../runtime/errorPolicy.js';
import type {ProgressLine} from './progressLine.js';

const STOPPED = 'stopped; start it again to go on';

/**
 * Resolves with the exit code of `work`, or of the signal that ended it. What changed in place is gone then. `last` is told behind an
 * interruption; null for nothing.
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
    // What goes on until it is stopped has no end of its own.
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
