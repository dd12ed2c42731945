/**
 * The log of a worker: pino, JSON lines on stdout, one line per change of state, none per record.
 *
 * Written synchronously: few lines, and the last one before an exit must not be lost.
 */
import pino, {type Logger} from 'pino';
import {activeTrace} from './tracing.js';

export function createLogger(
  level: string,
  fields: {readonly group: string; readonly topic: string},
): Logger {
  const destination = pino.destination({dest: 1, sync: true});
  // A full disk or a closed pipe behind stdout costs lines, not the worker.
  destination.on('error', () => undefined);
  return pino(
    {
      level,
      base: {service: 'order-projector', ...fields},
      timestamp: pino.stdTimeFunctions.isoTime,
      mixin: activeTrace,
    },
    destination,
  );
}
