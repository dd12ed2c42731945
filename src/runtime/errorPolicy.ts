/**
 * What follows from each kind of error, as one table. The compiler requires a row for each kind.
 *
 * docs/runbook.md has a section for each kind. A row has one of three consequences:
 *
 * - `wait`: A running worker waits and retries. At start, the command ends with the exit code of the row after `PROJECTOR_START_TIMEOUT_MS`.
 *   Commands that only read do not wait.
 * - `quarantine`: The worker quarantines one record and continues, within the limits of worker/quarantineLimit.ts (L5).
 * - `halt`: The worker or the command stops. It does not retry, because the same input would fail in the same way.
 *
 * Pure: no clock, no I/O.
 */
import type {ErrorKind} from './errors.js';

export interface Policy {
  readonly next: 'wait' | 'quarantine' | 'halt';
  readonly exitCode: number;
  /** The advice says what the operator can do. */
  readonly advice: string;
}

/** All commands use these exit codes. */
export const EXIT = {
  ok: 0,
  unexpected: 1,
  usage: 2,
  /** A comparison found differences, or the requested item does not exist. */
  differences: 3,
  unreachable: 4,
  halted: 5,
  interrupted: 130,
  terminated: 143,
} as const;

export const ERROR_POLICY: Record<ErrorKind, Policy> = {
  'config-invalid': {next: 'halt', exitCode: EXIT.usage, advice: 'Correct the settings named above.'},
  'http-unavailable': {
    next: 'halt',
    exitCode: EXIT.usage,
    advice: 'Set PROJECTOR_HTTP_PORT to a free port, to 0 for any, or to off.',
  },
  'host-unknown': {
    next: 'halt',
    exitCode: EXIT.unreachable,
    advice: 'Correct the name in the settings, or let the name service of this machine know it.',
  },
  'worker-unreachable': {
    next: 'halt',
    exitCode: EXIT.unreachable,
    advice:
      'Check that the worker runs, and that --url, or PROJECTOR_HTTP_HOST and PROJECTOR_HTTP_PORT, name it.',
  },
  usage: {next: 'halt', exitCode: EXIT.usage, advice: 'See `projector --help`.'},
  'redis-unreachable': {
    next: 'wait',
    exitCode: EXIT.unreachable,
    advice: 'Check that Redis runs and that REDIS_URL names it; a running worker resumes by itself.',
  },
  'redis-denied': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice: 'Check the user, the password and the ACL of REDIS_URL, then start the worker again.',
  },
  'redis-evicts': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice:
      'Set maxmemory-policy to noeviction (or volatile-*), start the worker again, then run `projector rebuild`.',
  },
  'redis-clustered': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice: 'Use a Redis without cluster mode: one script must reach all keys of the read model.',
  },
  'kafka-unreachable': {
    next: 'wait',
    exitCode: EXIT.unreachable,
    advice: 'Check that Kafka runs and that KAFKA_BROKERS names it; a running worker resumes by itself.',
  },
  'kafka-denied': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice: 'Check KAFKA_SASL_*, KAFKA_SSL and the ACLs of topic and group, then start the worker again.',
  },
  'tls-failed': {
    next: 'wait',
    exitCode: EXIT.unreachable,
    advice:
      'Mend the certificate, or correct the CA, the name and the client certificate (KAFKA_SSL_*, REDIS_TLS_*, MYSQL_SSL_*; docs/security.md); a running worker resumes by itself when the server changes.',
  },
  'mysql-unreachable': {
    next: 'wait',
    exitCode: EXIT.unreachable,
    advice: 'Check that MySQL runs and that MYSQL_URL names it.',
  },
  'mysql-denied': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice: 'Check user, password and ssl-mode of MYSQL_URL; the user needs SELECT on both tables.',
  },
  'connect-unreachable': {
    next: 'wait',
    exitCode: EXIT.unreachable,
    advice: 'Check that Kafka Connect runs and that CONNECT_URL names it.',
  },
  'connector-rejected': {
    next: 'halt',
    exitCode: EXIT.usage,
    advice: 'Correct the connector file; every setting is explained in connectors/README.md.',
  },
  'connector-failed': {
    next: 'halt',
    exitCode: EXIT.unreachable,
    advice: 'Mend the cause, then run `projector connector apply`; it creates, changes and restarts.',
  },
  'topic-missing': {
    next: 'wait',
    exitCode: EXIT.unreachable,
    advice: 'Create it and start the connector with `projector connector apply`, or correct KAFKA_TOPIC.',
  },
  'topic-unsuitable': {
    next: 'halt',
    exitCode: EXIT.usage,
    advice:
      'Make the topic with cleanup.policy=delete and retention.ms=-1 (connectors/README.md), then snapshot again.',
  },
  'codec-missing': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice:
      'Install the package that is named above beside the worker, or let the producer write gzip or no compression (producer.override.compression.type in the connector).',
  },
  'record-undecodable': {
    next: 'quarantine',
    exitCode: EXIT.halted,
    advice: 'See `projector dlq show`, mend the cause, then `projector dlq replay`.',
  },
  'order-corrupt': {
    next: 'quarantine',
    exitCode: EXIT.halted,
    advice: 'Something else writes to the keys of this order: stop it, then run `projector rebuild`.',
  },
  'quarantine-flood': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice:
      'Nothing after this record was applied. Correct the setting or the connector that makes records unreadable, or raise PROJECTOR_QUARANTINE_MAX to set them aside, then start the worker again.',
  },
  'table-truncated': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice: 'A TRUNCATE has no row events: fill Redis from MySQL with `projector sync --replace`.',
  },
  'position-missing': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice:
      'The log no longer begins at 0, so Redis cannot be rebuilt from it: fill it from MySQL with `projector sync --replace`.',
  },
  'position-unreadable': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice: 'Something else wrote this key: run `projector rebuild`.',
  },
  'topic-start-lost': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice: 'Set retention.ms=-1 on the topic, and fill Redis from MySQL with `projector sync --replace`.',
  },
  'topic-replaced': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice:
      'This is not the log that Redis was built from: point KAFKA_TOPIC to the right one, or run `projector rebuild`.',
  },
  'layout-changed': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice: 'Take the changed setting back, or run `projector rebuild` with the new one.',
  },
  'partitions-changed': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice:
      'Later events of an order may lie beside its earlier ones: fill Redis from MySQL with `projector sync --replace`.',
  },
  'read-model-corrupt': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice: 'Something else writes to the keys of the read model: stop it, then run `projector rebuild`.',
  },
  'entry-unknown': {
    next: 'halt',
    exitCode: EXIT.usage,
    advice: 'List what is there with `projector dlq list`.',
  },
  'replay-impossible': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice: 'The reason stands with each entry above; what was not replayed is as it was.',
  },
  'differences-found': {
    next: 'halt',
    exitCode: EXIT.differences,
    advice:
      'They stand above. `projector verify --repair` mends them from MySQL, `projector rebuild` from the log; find out who wrote to Redis.',
  },
  'verify-behind': {
    next: 'halt',
    exitCode: EXIT.unreachable,
    advice: 'Start the workers, wait until `projector lag` shows little, and verify again.',
  },
  'verify-halted': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice: 'Redis is as it was. Compare with MySQL instead: `projector verify`.',
  },
  'repair-refused': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice:
      'Let the connector run (`projector connector status` shows it, `apply` starts it), wait until `projector lag` shows 0, and repair again.',
  },
  'cutover-in-progress': {
    next: 'wait',
    exitCode: EXIT.unreachable,
    advice: 'It takes a moment: a running worker goes on by itself; try a command again.',
  },
  'rebuild-refused': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice: 'The read model is as it was; see `projector rebuild --help`.',
  },
  'rebuild-halted': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice:
      'The read model is as it was. Mend the cause and start it again: it goes on at that record; or set bad records aside with --quarantine.',
  },
  'rebuild-lost': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice: 'Let the other one finish, then look with `projector verify`, or start this one again.',
  },
  'consumer-crashed': {
    next: 'halt',
    exitCode: EXIT.unexpected,
    advice: 'Start the worker again; it resumes at its position. Report it if it comes back.',
  },
  'counts-differ': {
    next: 'halt',
    exitCode: EXIT.unexpected,
    advice:
      'This is a defect of the projector: it stopped before it could pass over a record. Start it again and report it.',
  },
  internal: {
    next: 'halt',
    exitCode: EXIT.unexpected,
    advice:
      'This is a defect of the projector: nothing is lost, the worker resumes at its position. Report it.',
  },
};
