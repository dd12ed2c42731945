/**
 * The one error class for failures outside this program. Assertions report defects of this program (assert.ts).
 *
 * `detail` says what failed and where (topic, partition, offset, key, address).
 * I11: It never contains a value of a row or a secret.
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
  | 'redis-unsupported'
  | 'redis-rejected'
  | 'kafka-unreachable'
  | 'kafka-denied'
  | 'tls-failed'
  | 'mysql-unreachable'
  | 'mysql-denied'
  | 'mysql-behind'
  | 'mysql-rejected'
  | 'connect-unreachable'
  | 'connector-rejected'
  | 'connector-failed'
  | 'topic-missing'
  | 'topic-unsuitable'
  | 'topic-unreadable'
  | 'partition-unavailable'
  | 'codec-missing'
  | 'record-undecodable'
  | 'order-corrupt'
  | 'quarantine-flood'
  | 'table-truncated'
  | 'position-missing'
  | 'position-unreadable'
  | 'topic-start-lost'
  | 'topic-replaced'
  | 'layout-changed'
  | 'partitions-changed'
  | 'read-model-corrupt'
  | 'reports-lost'
  | 'entry-unknown'
  | 'replay-impossible'
  | 'differences-found'
  | 'verify-behind'
  | 'verify-halted'
  | 'repair-refused'
  | 'cutover-in-progress'
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

/** Returns any thrown value as a ProjectorError. The kind is `internal` if the value is not one already. */
export function asProjectorError(error: unknown): ProjectorError {
  if (error instanceof ProjectorError) return error;
  return new ProjectorError('internal', messageOf(error), {cause: error});
}

/** Returns the first line of the message of a thrown value. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0] ?? '';
}

/** Yields a thrown value and its causes, outermost first. Libraries wrap errors that our own callbacks throw. */
export function* causesOf(error: unknown): Generator {
  let link = error;
  // The limit ends the loop if the chain of causes contains a cycle.
  for (let depth = 0; depth < 10 && link !== undefined && link !== null; depth++) {
    yield link;
    link = typeof link === 'object' && 'cause' in link ? link.cause : undefined;
  }
}

/**
 * Returns the reason why a connection failed. `fetch` reports it in the cause of its error. If Node has tried several addresses,
 * the cause is an AggregateError, and its first error contains the reason.
 */
export function connectionReason(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return messageOf(cause instanceof AggregateError && cause.errors.length > 0 ? cause.errors[0] : cause);
}
