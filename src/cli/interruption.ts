/** Ctrl-C and SIGTERM for commands that work for long: the first one stops in good order, the second one at once. */
import {EXIT} from '../errorPolicy.js';
import type {ProgressLine} from './progressLine.js';

/** Resolves with the exit code of `work`, or of the signal that ended it. What changed in place is gone then. */
export async function interruptible(
  line: ProgressLine,
  work: (signal: AbortSignal) => Promise<number>,
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
    return await work(stopping.signal);
  } catch (error) {
    if (exitCode === undefined || error !== stopping.signal.reason) throw error;
    line.note('stopped; start it again to go on');
    return exitCode;
  } finally {
    line.clear();
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}
