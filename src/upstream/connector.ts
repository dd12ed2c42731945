/**
 * The connector before us: its file, its topic, its state. What `projector connector` does.
 */
import type {ConnectClient, ConnectorStatus} from '../clients/connect.js';
import type {KafkaTopic, NewTopic} from '../clients/kafka/admin.js';
import {messageOf, ProjectorError} from '../runtime/errors.js';
import type {Clock} from '../runtime/lifecycle.js';

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
 * Makes sure that the events topic is there. A new one keeps everything. Returns whether it was created.
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

/** Throws when the topic is compacted: its keys are not unique per row, so rows would be lost (S1). */
export async function requireSuitableTopic(topic: KafkaTopic): Promise<void> {
  const policy = await topic.setting('cleanup.policy');
  if (policy?.includes('compact') === true) {
    throw new ProjectorError(
      'topic-unsuitable',
      `topic ${topic.name} has cleanup.policy=${policy}: its keys are not unique per row`,
    );
  }
}

/** A sentence when the topic deletes old records, which ends every way to rebuild Redis from it (S1); else undefined. */
export async function retentionWarning(topic: KafkaTopic): Promise<string | undefined> {
  for (const name of ['retention.ms', 'retention.bytes']) {
    const value = await topic.setting(name);
    if (value !== undefined && value !== '-1') {
      return `topic ${topic.name} has ${name}=${value}: old records will be deleted, and Redis cannot be rebuilt from it then; set it to -1`;
    }
  }
  return undefined;
}

export interface WaitOptions {
  readonly clock: Clock;
  readonly timeoutMs: number;
  /** The status before a change: for a while Connect goes on telling it. */
  readonly before?: ConnectorStatus | undefined;
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
        `connector ${name} does not run after ${wait.timeoutMs} ms: it ${reason} (the log of Kafka Connect tells why)`,
      );
    }
    await clock.sleep(200);
  }
}

/** Throws `connector-failed`, with the trace, when the connector or a task has FAILED. */
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

/** What keeps it from running, as the end of a sentence about it; undefined when the connector and its task run. */
export function whyNotRunning(status: ConnectorStatus | undefined): string | undefined {
  if (status === undefined) return 'is not known to Connect';
  const {state, tasks} = status;
  const isRunning = [state, ...tasks.map((task) => task.state)].every((each) => each === 'RUNNING');
  if (isRunning && tasks.length > 0) return undefined;
  const parts = tasks.map((task) => `task ${task.id} ${task.state}`).join(', ');
  return `is ${state}, ${parts === '' ? 'without a task' : parts}`;
}

/** How long after a change a status may still be the one from before. */
const SETTLE_MS = 1_500;
const STALE_MS = 15_000;

/** The traces of what has FAILED, as one text; '' when nothing has. */
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
    // Right after a change Connect rebalances and answers 409 or 5xx for a moment.
    if (error instanceof ProjectorError && error.kind === 'connect-unreachable') return undefined;
    throw error;
  }
}
