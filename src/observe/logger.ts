/**
 * The logger of a worker. It uses pino and writes JSON lines to stdout.
 *
 * A worker logs one line for each change of state, and none for a record.
 * The logger writes synchronously, so that no line is lost before an exit. This costs little, because there are few lines.
 */
import pino, {type Logger} from 'pino';
import {activeTrace} from './tracing.js';

export function createLogger(
  level: string,
  fields: {readonly group: string; readonly topic: string},
): Logger {
  const destination = pino.destination({dest: 1, sync: true});
  // If stdout is a full disk or a closed pipe, the logger loses lines, but the worker continues.
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
