/**
 * The Debezium connector that writes the topic: its file, its topic and its state. `projector connector` uses these functions.
 */
import type {ConnectClient, ConnectorStatus} from '../clients/connect.js';
import type {KafkaTopic, NewTopic} from '../clients/kafka/admin.js';
import {messageOf, ProjectorError} from '../runtime/errors.js';
import type {Clock} from '../runtime/lifecycle.js';

export interface ConnectorFile {
  readonly name: string;
  readonly config: Readonly<Record<string, string>>;
}

/** Parses a connector file. It has the form that Connect accepts: `{"name": ..., "config": {...}}`. */
export function parseConnectorFile(text: string, path: string): ConnectorFile {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (error) {
    throw new ProjectorError('connector-rejected', `${path} is not JSON: ${messageOf(error)}`, {
      cause: error,
    });
  }
  const {name, config} = (parsed ?? {}) as {name?: unknown; config?: unknown};
  if (typeof name !== 'string' || typeof config !== 'object' || config === null) {
    throw new ProjectorError('connector-rejected', `${path} must contain {"name": "...", "config": {...}}`);
  }
  const wrong = Object.entries(config).find(([, value]) => typeof value !== 'string');
  if (wrong !== undefined) {
    throw new ProjectorError('connector-rejected', `${path}: config.${wrong[0]} must be a string`);
  }
  return {name, config: config as Record<string, string>};
}

/** Throws if the connector would write to another topic than the one that the worker reads. */
export function requireSameTopic(file: ConnectorFile, topic: string): void {
  const target = file.config['transforms.route.replacement'];
  if (target === undefined || target === topic) return;
  throw new ProjectorError(
    'connector-rejected',
    `connector ${file.name} writes to topic ${target} (transforms.route.replacement), but KAFKA_TOPIC is ${topic}`,
  );
}

/**
 * Creates the topic if it does not exist, and returns whether it created it. A new topic keeps every record (S1).
 * An existing topic is never changed: its number of partitions is fixed for its life (S2), and its owner decides on its retention.
 */
export async function ensureTopic(topic: KafkaTopic, wanted: NewTopic): Promise<boolean> {
  if ((await topic.partitionCount()) === undefined) {
    await topic.create(wanted);
    return true;
  }
  await requireSuitableTopic(topic);
  return false;
}

/** Throws if the topic is compacted (S1). All records of an order have the same key, so compaction would delete earlier ones. */
export async function requireSuitableTopic(topic: KafkaTopic): Promise<void> {
  const policy = await topic.setting('cleanup.policy');
  if (policy?.includes('compact') === true) {
    throw new ProjectorError(
      'topic-unsuitable',
      `topic ${topic.name} has cleanup.policy=${policy}: all records of an order have the same key, so compaction would delete records that the worker needs`,
    );
  }
}

/** A warning if the topic deletes old records, because Redis cannot be rebuilt from it then (S1). Undefined otherwise. */
export async function retentionWarning(topic: KafkaTopic): Promise<string | undefined> {
  for (const name of ['retention.ms', 'retention.bytes']) {
    const value = await topic.setting(name);
    if (value !== undefined && value !== '-1') {
      return `topic ${topic.name} has ${name}=${value}: Kafka will delete old records, and then Redis cannot be rebuilt from the topic; set ${name} to -1`;
    }
  }
  return undefined;
}

export interface WaitOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** The status before the change. Connect can still return it for up to `STALE_MS` after the change. */
  readonly before?: ConnectorStatus | undefined;
}

/**
 * Waits until the connector and its tasks run. Throws `connector-failed` on timeout. Throws it with the trace as soon as one of them
 * has state FAILED. A failure that equals the one in `before` can be stale: it counts only `STALE_MS` after the start.
 */
export async function waitUntilRunning(
  connect: ConnectClient,
  name: string,
  wait: WaitOptions,
): Promise<ConnectorStatus> {
  const {before, clock} = wait;
  const startedMs = clock.nowMs();
  const deadlineMs = startedMs + wait.timeoutMs;
  if (before !== undefined) await clock.sleep(SETTLE_MS);
  for (;;) {
    const status = await statusOrUndefined(connect, name);
    if (status !== undefined) {
      const isOld = clock.nowMs() - startedMs < STALE_MS && tracesOf(status) === tracesOf(before);
      if (!isOld) throwIfFailed(name, status);
      if (whyNotRunning(status) === undefined) return status;
    }
    if (clock.nowMs() >= deadlineMs) {
      const reason = whyNotRunning(status) ?? '';
      throw new ProjectorError(
        'connector-failed',
        `connector ${name} is not running after ${wait.timeoutMs} ms: it ${reason} (see the log of Kafka Connect for the cause)`,
      );
    }
    await clock.sleep(200);
  }
}

/** Throws `connector-failed` with the trace if the connector or a task has state FAILED. */
export function throwIfFailed(name: string, status: ConnectorStatus): void {
  const parts = [{id: 'connector', ...status}, ...status.tasks].filter((part) => part.state === 'FAILED');
  const failed = parts.find(({trace}) => trace !== undefined) ?? parts[0];
  if (failed === undefined) return;
  const part = failed.id === 'connector' ? '' : ` task ${failed.id}`;
  throw new ProjectorError(
    'connector-failed',
    `connector ${name}${part} is FAILED:\n${failed.trace?.trim() ?? '(no trace)'}`,
  );
}

/** Why the connector does not run, as the end of a sentence about it. Undefined if the connector and all its tasks run. */
export function whyNotRunning(status: ConnectorStatus | undefined): string | undefined {
  if (status === undefined) return 'has no status in Kafka Connect';
  const {state, tasks} = status;
  const isRunning = [state, ...tasks.map((task) => task.state)].every((each) => each === 'RUNNING');
  if (isRunning && tasks.length > 0) return undefined;
  const parts = tasks.map((task) => `task ${task.id} ${task.state}`).join(', ');
  return `is ${state}, ${parts === '' ? 'without a task' : parts}`;
}

/**
 * After a change, Connect can return the status from before the change. `SETTLE_MS` passes before the first request. Until `STALE_MS`, a
 * failure that equals the one before the change is ignored.
 */
const SETTLE_MS = 1_500;
const STALE_MS = 15_000;

/** The traces of all parts in state FAILED, as one text. It is '' if no part has failed, and undefined without a status. */
function tracesOf(status: ConnectorStatus | undefined): string | undefined {
  if (status === undefined) return undefined;
  return [status, ...status.tasks]
    .map(({state, trace}) => (state === 'FAILED' ? (trace ?? 'FAILED') : ''))
    .join('');
}

async function statusOrUndefined(connect: ConnectClient, name: string): Promise<ConnectorStatus | undefined> {
  try {
    return await connect.status(name);
  } catch (error) {
    // After a change Connect rebalances and returns 409 or 5xx for a moment.
    if (error instanceof ProjectorError && error.kind === 'connect-unreachable') return undefined;
    throw error;
  }
}
