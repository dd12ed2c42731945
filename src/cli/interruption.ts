/** Ctrl-C and SIGTERM for commands that work for long: the first one stops in good order, the second one at once. */
import {EXIT} from '../errorPolicy.js';
import type {Output} from './output.js';

/** Resolves with the exit code of `work`, or of the signal that ended it. */
export async function interruptible(
  output: Output,
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
    output.note('stopped; start it again to go on');
    return exitCode;
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}
