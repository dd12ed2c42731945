/**
 * The connector before us: its file, its topic, its state. What `projector connector` does.
 */
import type {ConnectClient, ConnectorStatus} from '../clients/connect.js';
import type {KafkaTopic, NewTopic} from '../clients/kafka.js';
import {messageOf, ProjectorError} from '../errors.js';
import type {Clock} from '../lifecycle.js';

export interface ConnectorFile {
  readonly name: string;
  readonly config: Readonly<Record<string, string>>;
}

/** Reads the text of a file as posted to Connect: `{"name": ..., "config": {...}}`. */
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
    throw new ProjectorError('connector-rejected', `${path} must hold {"name": "...", "config": {...}}`);
  }
  const wrong = Object.entries(config).find(([, value]) => typeof value !== 'string');
  if (wrong !== undefined) {
    throw new ProjectorError('connector-rejected', `${path}: config.${wrong[0]} must be a text`);
  }
  return {name, config: config as Record<string, string>};
}

/** Throws when the connector would write to another topic than the worker reads. */
export function requireSameTopic(file: ConnectorFile, topic: string): void {
  const target = file.config['transforms.route.replacement'];
  if (target === undefined || target === topic) return;
  throw new ProjectorError(
    'connector-rejected',
    `connector ${file.name} writes to topic ${target} (transforms.route.replacement), but KAFKA_TOPIC is ${topic}`,
  );
}

/**
 * Makes sure that the events topic is there and keeps everything. Returns whether it was created.
 * Never changes a topic that exists: partitions are fixed for life, and retention is the owner's decision.
 */
export async function ensureTopic(topic: KafkaTopic, wanted: NewTopic): Promise<boolean> {
  if ((await topic.partitionCount()) === undefined) {
    await topic.create(wanted);
    return true;
  }
  await requireSuitableTopic(topic);
  return false;
}

/** Throws when the topic forgets records: then neither the read model nor a rebuild can be exact (S1). */
export async function requireSuitableTopic(topic: KafkaTopic): Promise<void> {
  const policy = await topic.setting('cleanup.policy');
  if (policy?.includes('compact') === true) {
    throw new ProjectorError(
      'topic-unsuitable',
      `topic ${topic.name} has cleanup.policy=${policy}: its keys are not unique per row`,
    );
  }
}

export interface WaitOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
}

/**
 * Waits until the connector and its task run. Throws `connector-failed` with the trace as soon as one has FAILED, or
 * when the time is over.
 */
export async function waitUntilRunning(
  connect: ConnectClient,
  name: string,
  wait: WaitOptions,
): Promise<ConnectorStatus> {
  const deadlineMs = wait.clock.nowMs() + wait.timeoutMs;
  for (;;) {
    const status = await statusOrUndefined(connect, name);
    if (status !== undefined) {
      throwIfFailed(name, status);
      const isRunning = status.state === 'RUNNING' && status.tasks.length > 0;
      if (isRunning && status.tasks.every((task) => task.state === 'RUNNING')) return status;
    }
    if (wait.clock.nowMs() >= deadlineMs) {
      const tasks = status?.tasks.map((task) => task.state).join(', ');
      const state =
        status === undefined
          ? 'not known to Connect'
          : `it is ${status.state}, tasks: ${tasks === '' ? 'none' : tasks}`;
      throw new ProjectorError(
        'connector-failed',
        `connector ${name} does not run after ${wait.timeoutMs} ms: ${state} (the log of Kafka Connect tells why)`,
      );
    }
    await wait.clock.sleep(200);
  }
}

/** Throws `connector-failed`, with the trace, when the connector or a task has FAILED. */
export function throwIfFailed(name: string, status: ConnectorStatus): void {
  const failed = [{id: 'connector', ...status}, ...status.tasks].find((part) => part.state === 'FAILED');
  if (failed === undefined) return;
  const part = failed.id === 'connector' ? '' : ` task ${failed.id}`;
  throw new ProjectorError(
    'connector-failed',
    `connector ${name}${part} is FAILED:\n${failed.trace?.trim() ?? '(no trace)'}`,
  );
}

async function statusOrUndefined(connect: ConnectClient, name: string): Promise<ConnectorStatus | undefined> {
  try {
    return await connect.status(name);
  } catch (error) {
    // Right after a change Connect rebalances and answers 409 or 5xx for a moment.
    if (error instanceof ProjectorError && error.kind === 'connect-unreachable') return undefined;
    throw error;
  }
}
