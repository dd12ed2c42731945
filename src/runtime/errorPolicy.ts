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
  /**
   * True if the error concerns one partition only. A worker then holds that partition and continues with the others. It ends when it has no
   * other partition.
   */
  readonly holds?: true;
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
  'config-invalid': {
    next: 'halt',
    exitCode: EXIT.usage,
    advice: 'Correct the settings that the message names.',
  },
  'http-unavailable': {
    next: 'halt',
    exitCode: EXIT.usage,
    advice: 'Set PROJECTOR_HTTP_PORT to a free port, to 0 for any free port, or to off.',
  },
  'host-unknown': {
    next: 'halt',
    exitCode: EXIT.unreachable,
    advice:
      'Correct the host name in the settings, or add it to the DNS or the hosts file that this machine uses.',
  },
  'worker-unreachable': {
    next: 'halt',
    exitCode: EXIT.unreachable,
    advice:
      'Check that the worker runs, and that --url, or PROJECTOR_HTTP_HOST and PROJECTOR_HTTP_PORT, contain its address.',
  },
  usage: {next: 'halt', exitCode: EXIT.usage, advice: 'See `projector --help`.'},
  'redis-unreachable': {
    next: 'wait',
    exitCode: EXIT.unreachable,
    advice:
      'Check that Redis runs and that REDIS_URL contains its address. A running worker retries until Redis responds.',
  },
  'redis-denied': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice:
      'Check the user and the password in REDIS_URL and the ACL of that user, then start the worker again.',
  },
  'redis-evicts': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice:
      'Set maxmemory-policy to noeviction or volatile-*, start the worker again, then run `projector rebuild`.',
  },
  'redis-clustered': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice:
      'Set REDIS_CLUSTER_NODES and REDIS_LAYOUT=partitioned (docs/cluster.md), or use a Redis without cluster mode.',
  },
  'redis-unsupported': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice: 'Use Redis 6.2 or later, or Valkey, as one server with replicas (docs/compatibility.md).',
  },
  'redis-rejected': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice:
      'Look up the error in the documentation of the server, and check that the server is a supported one (docs/compatibility.md). Then start the worker again.',
  },
  'kafka-unreachable': {
    next: 'wait',
    exitCode: EXIT.unreachable,
    advice:
      'Check that Kafka runs and that KAFKA_BROKERS lists its brokers. A running worker retries until Kafka responds.',
  },
  'kafka-denied': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice:
      'Check KAFKA_SASL_*, KAFKA_SSL and the ACLs of the topic and the group, then start the worker again.',
  },
  'tls-failed': {
    next: 'wait',
    exitCode: EXIT.unreachable,
    advice:
      'Renew the server certificate, or correct the CA, the server name or the client certificate (KAFKA_SSL_*, REDIS_TLS_*, MYSQL_SSL_*; docs/security.md). A running worker retries, but it reads changed settings only after a restart.',
  },
  'mysql-unreachable': {
    next: 'wait',
    exitCode: EXIT.unreachable,
    advice: 'Check that MySQL runs and that MYSQL_URL contains its address.',
  },
  'mysql-denied': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice:
      'Check the user, the password and ssl-mode in MYSQL_URL. The user requires the SELECT privilege on both tables.',
  },
  'mysql-behind': {
    next: 'halt',
    exitCode: EXIT.unreachable,
    advice:
      'Wait until the replica in MYSQL_URL has caught up, or set MYSQL_URL to the primary. If MySQL was restored from a backup, take a new snapshot, then run `projector sync --replace`.',
  },
  'mysql-rejected': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice:
      'Look up the error code in the documentation of MySQL. The log of the server can name the reason.',
  },
  'connect-unreachable': {
    next: 'wait',
    exitCode: EXIT.unreachable,
    advice: 'Check that Kafka Connect runs and that CONNECT_URL contains its address.',
  },
  'connector-rejected': {
    next: 'halt',
    exitCode: EXIT.usage,
    advice: 'Correct the connector file. Every setting is explained in connectors/README.md.',
  },
  'connector-failed': {
    next: 'halt',
    exitCode: EXIT.unreachable,
    advice:
      'Fix the cause, then run `projector connector apply`. It creates, updates and restarts the connector.',
  },
  'topic-missing': {
    next: 'wait',
    exitCode: EXIT.unreachable,
    advice:
      'Create the topic and start the connector with `projector connector apply`, or correct KAFKA_TOPIC.',
  },
  'topic-unsuitable': {
    next: 'halt',
    exitCode: EXIT.usage,
    advice:
      'Create the topic with cleanup.policy=delete and retention.ms=-1 (connectors/README.md), then take a new snapshot.',
  },
  'topic-unreadable': {
    next: 'halt',
    exitCode: EXIT.halted,
    holds: true,
    advice:
      'Find the cause in the log of the broker, and repair the partition from a replica, then restart the worker. If records are lost for good, run `projector sync --replace`.',
  },
  'partition-unavailable': {
    next: 'wait',
    exitCode: EXIT.unreachable,
    advice:
      'Start the broker that has a replica of the partition, and check the network between it and this machine. A running worker continues with the other partitions and retries this one.',
  },
  'codec-missing': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice:
      "In the worker's folder, install the package that the message names (`npm install --no-save NAME`), then start the worker again. Alternatively configure the producer to use gzip or no compression (producer.override.compression.type in the connector), and take a snapshot into a new topic.",
  },
  'record-undecodable': {
    next: 'quarantine',
    exitCode: EXIT.halted,
    advice:
      'Find the record with `projector dlq list` and `dlq show NAME`, fix the cause, then run `projector dlq replay NAME`.',
  },
  'order-corrupt': {
    next: 'quarantine',
    exitCode: EXIT.halted,
    advice: 'Stop any other program that writes to the keys of this order, then run `projector rebuild`.',
  },
  'quarantine-flood': {
    next: 'halt',
    exitCode: EXIT.halted,
    holds: true,
    advice:
      'Correct the setting or the connector that makes records unreadable, or raise PROJECTOR_QUARANTINE_MAX to quarantine such records. Then start the worker again. No record after this one was applied.',
  },
  'table-truncated': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice:
      'Start `projector audit --repair`, which removes the rows that the TRUNCATE removed without events. Then start the worker again. Or load Redis from MySQL with `projector sync --replace`.',
  },
  'position-missing': {
    next: 'halt',
    exitCode: EXIT.halted,
    holds: true,
    advice:
      'Load Redis from MySQL with `projector sync --replace`. A rebuild is not possible, because the topic no longer begins at offset 0.',
  },
  'position-unreadable': {
    next: 'halt',
    exitCode: EXIT.halted,
    holds: true,
    advice: 'Stop any other program that writes this key, then run `projector rebuild`.',
  },
  'topic-start-lost': {
    next: 'halt',
    exitCode: EXIT.halted,
    holds: true,
    advice: 'Set retention.ms=-1 on the topic, then load Redis from MySQL with `projector sync --replace`.',
  },
  'topic-replaced': {
    next: 'halt',
    exitCode: EXIT.halted,
    holds: true,
    advice:
      'Set KAFKA_TOPIC to the topic that Redis was built from. Or build Redis from this topic: with `projector rebuild` if the topic is complete, else with `projector sync --replace`.',
  },
  'layout-changed': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice: 'Restore the previous value of the setting, or run `projector rebuild` with the new value.',
  },
  'partitions-changed': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice:
      'Load Redis from MySQL with `projector sync --replace`, because later events of an order can be in another partition than earlier ones.',
  },
  'read-model-corrupt': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice: 'Stop any other program that writes to the keys of the read model, then run `projector rebuild`.',
  },
  'reports-lost': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice:
      'Run `projector rebuild --reports`, which computes counters and reports from the orders, and start the workers again.',
  },
  'entry-unknown': {
    next: 'halt',
    exitCode: EXIT.usage,
    advice: 'Run `projector dlq list` to list the quarantined records.',
  },
  'replay-impossible': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice:
      'The output shows the reason next to each entry. Orders whose entries were not replayed are unchanged.',
  },
  'differences-found': {
    next: 'halt',
    exitCode: EXIT.differences,
    advice:
      'Check that the connector runs and that no record is quarantined. If both are true, another program wrote to Redis. Then run `projector verify --repair`, or `projector rebuild`.',
  },
  'verify-behind': {
    next: 'halt',
    exitCode: EXIT.unreachable,
    advice: 'Start the workers, wait until `projector lag` shows few records, then run the command again.',
  },
  'verify-halted': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice: 'Redis was not changed. Compare with MySQL instead: `projector verify`.',
  },
  'repair-refused': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice:
      'Make sure that the connector runs (`projector connector status` shows its state, `projector connector apply` starts it). Wait until the end of the topic stops moving and `projector lag` shows 0, then run the repair again.',
  },
  'cutover-in-progress': {
    next: 'wait',
    exitCode: EXIT.unreachable,
    advice:
      'Wait a moment until the cutover has ended, then run the command again. A running worker resumes without a command.',
  },
  'rebuild-refused': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice:
      'The read model was not changed. Remove the reason that the message names, then run the command again.',
  },
  'rebuild-halted': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice:
      'The read model was not changed. Fix the cause and run the command again: it resumes at that record. Use --quarantine to quarantine records that cannot be applied.',
  },
  'rebuild-lost': {
    next: 'halt',
    exitCode: EXIT.halted,
    advice:
      'Wait until the other run has ended, then check the result with `projector verify`, or run this command again.',
  },
  'consumer-crashed': {
    next: 'halt',
    exitCode: EXIT.unexpected,
    advice: 'Start the worker again; it resumes at the stored position. Report the error if it occurs again.',
  },
  'counts-differ': {
    next: 'halt',
    exitCode: EXIT.unexpected,
    advice:
      'This is a defect of the projector. The worker stopped before it could skip a record. Start it again and report the error.',
  },
  internal: {
    next: 'halt',
    exitCode: EXIT.unexpected,
    advice:
      'This is a defect of the projector. No data is lost, and the worker resumes at the stored position. Report the error.',
  },
};
