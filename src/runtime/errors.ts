/**
 * The one error class for what goes wrong outside this program. Our own mistakes are assertions (assert.ts).
 *
 * `detail` says what and where (topic, partition, offset, key, address); never a row value, never a secret.
 */
export type ErrorKind =
  | 'config-invalid'
  | 'usage'
  | 'http-unavailable'
  | 'worker-unreachable'
  | 'host-unknown'
  | 'redis-unreachable'
  | 'redis-denied'
  | 'redis-evicts'
  | 'redis-clustered'
  | 'kafka-unreachable'
  | 'kafka-denied'
  | 'tls-refused'
  | 'mysql-unreachable'
  | 'mysql-denied'
  | 'connect-unreachable'
  | 'connector-rejected'
  | 'connector-failed'
  | 'topic-missing'
  | 'topic-unsuitable'
  | 'codec-missing'
  | 'record-undecodable'
  | 'order-spoiled'
  | 'quarantine-flood'
  | 'table-truncated'
  | 'position-missing'
  | 'position-unreadable'
  | 'log-start-lost'
  | 'log-replaced'
  | 'layout-changed'
  | 'partitions-changed'
  | 'read-model-corrupt'
  | 'entry-unknown'
  | 'replay-impossible'
  | 'differences-found'
  | 'verify-behind'
  | 'verify-halted'
  | 'repair-refused'
  | 'rebuild-switching'
  | 'rebuild-refused'
  | 'rebuild-halted'
  | 'rebuild-lost'
  | 'consumer-crashed'
  | 'counts-differ'
  | 'internal';

export class ProjectorError extends Error {
  readonly kind: ErrorKind;
  readonly detail: string;

  constructor(kind: ErrorKind, detail: string, options: {cause?: unknown} = {}) {
    super(`${kind}: ${detail}`, options);
    this.name = 'ProjectorError';
    this.kind = kind;
    this.detail = detail;
  }
}

/** Any thrown value as a ProjectorError; what is not ours is `internal`. */
export function asProjectorError(error: unknown): ProjectorError {
  if (error instanceof ProjectorError) return error;
  return new ProjectorError('internal', messageOf(error), {cause: error});
}

/** The first line of a thrown value's message. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0] ?? '';
}

/** A thrown value and its causes, the outermost first. Libraries wrap what our own code threw within them. */
export function* causesOf(error: unknown): Generator {
  let link = error;
  // An end, should a chain lead back into itself.
  for (let depth = 0; depth < 10 && link !== undefined && link !== null; depth++) {
    yield link;
    link = typeof link === 'object' && 'cause' in link ? link.cause : undefined;
  }
}

/** Why there was no connection: `fetch` tells that in its cause, and who tried several addresses in the first of many errors. */
export function connectionReason(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return messageOf(cause instanceof AggregateError && cause.errors.length > 0 ? cause.errors[0] : cause);
}
