/**
 * The logger of a worker. It uses pino and writes JSON lines to stdout.
 *
 * A worker logs one line for each change of state, and none for a record.
 * The logger writes synchronously, so that no line is lost before an exit. This costs little, because there are few lines.
 */
import pino, {type Logger} from 'pino';
import type {KafkaLogSink} from '../clients/kafka/admin.js';
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

/** Limit of the messages that are remembered. The client has some dozens of texts, with addresses in some of them. */
const MESSAGES_MAX = 200;

/**
 * Logs the messages of the Kafka client: errors and warnings at `warn`, each text once, and everything else at `debug`. The client
 * repeats a failed request with the same message for as long as it fails.
 */
export function kafkaClientLog(logger: Pick<Logger, 'warn' | 'debug'>): KafkaLogSink {
  const logged = new Set<string>();
  return ({level, message}) => {
    const isNew =
      (level === 'error' || level === 'warn') && !logged.has(message) && logged.size < MESSAGES_MAX;
    if (isNew) logged.add(message);
    logger[isNew ? 'warn' : 'debug']({client: 'kafkajs', level}, message);
  };
}
