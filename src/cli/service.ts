/** What the commands that run as a service share: signals, uncaught exceptions, and the last line of the log. */
import type {Logger} from 'pino';
import {ERROR_POLICY, EXIT} from '../runtime/errorPolicy.js';
import {asProjectorError} from '../runtime/errors.js';

/** Logs the error that ended the process, as the last line of its output. Returns the exit code. */
export function fatal(error: unknown, logger: Logger): number {
  const failure = asProjectorError(error);
  const {advice, exitCode} = ERROR_POLICY[failure.kind];
  const {cause} = failure;
  const stack = failure.kind === 'internal' && cause instanceof Error ? cause.stack : undefined;
  const runbook = `docs/runbook.md#${failure.kind}`;
  logger.fatal({kind: failure.kind, exitCode, advice, runbook, stack}, failure.detail);
  return exitCode;
}

/**
 * Handles signals and uncaught exceptions.
 *
 * The first signal stops the process gracefully. The second signal exits at once, which is safe because Redis holds the positions.
 * An uncaught exception also exits at once, because the state of the process is unknown after it.
 */
export function processEvents(stop: () => void, logger: Logger): {remove(): void} {
  let count = 0;
  const onSignal = (signal: NodeJS.Signals): void => {
    count++;
    if (count === 1) stop();
    else process.exit(signal === 'SIGINT' ? EXIT.interrupted : EXIT.terminated);
  };
  const onUncaught = (error: unknown): void => process.exit(fatal(error, logger));
  process.on('SIGINT', onSignal);
  process.on('SIGTERM', onSignal);
  process.on('uncaughtException', onUncaught);
  return {
    remove: () => {
      process.off('SIGINT', onSignal);
      process.off('SIGTERM', onSignal);
      process.off('uncaughtException', onUncaught);
    },
  };
}
