/** The servers of this test run, as the test files see them. */
import {spawnSync} from 'node:child_process';
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {workerVariables, type Stack, type StackEnv} from '../../stack/stack.js';

export const STACK_VARIABLE = 'TEST_STACK';

export type TestStack = Pick<Stack, 'name' | 'mode' | 'env' | 'pids'>;

export function stackName(pid: number): string {
  return `test-${pid}`;
}

/** The stack that startStack.ts started. */
export function testStack(): TestStack {
  const text = process.env[STACK_VARIABLE];
  if (text === undefined) throw new Error('run these tests with `npm test`: they need the servers it starts');
  return JSON.parse(text) as TestStack;
}

/** The environment of a worker on this stack. */
export function variables(env: StackEnv = testStack().env): Record<string, string> {
  return {...workerVariables(env)};
}

export interface CommandResult {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `projector ...` to its end, with these variables on top of the stack's. */
export function projector(
  args: readonly string[],
  extra: Readonly<Record<string, string>> = {},
): CommandResult {
  const {status, stdout, stderr} = spawnSync(process.execPath, ['dist/main.js', ...args], {
    env: {...process.env, NODE_ENV: 'production', ...variables(), ...extra},
    encoding: 'utf8',
  });
  return {status, stdout, stderr};
}

/** Creates the topic and the connector, as an operator would. */
export async function connectorApplied(): Promise<void> {
  const {status, stderr} = projector(['connector', 'apply']);
  if (status !== 0) throw new Error(`connector apply failed: ${stderr}`);
  await Promise.resolve();
}

export interface ConnectorVariant {
  readonly file: 'orders.json' | 'orders-compact.json';
  readonly name: string;
  readonly topicPrefix: string;
  readonly topic: string;
  readonly serverId: number;
}

/** A second connector beside the default one, from a shipped file, into a topic of its own. */
export function applyConnectorVariant(variant: ConnectorVariant): CommandResult {
  const shipped = JSON.parse(readFileSync(join('connectors', variant.file), 'utf8')) as {
    name: string;
    config: Record<string, string>;
  };
  const from = shipped.config['topic.prefix'] ?? '';
  const config = Object.fromEntries(
    Object.entries(shipped.config).map(([name, value]) => {
      const own = /^(?:transforms\.route\.regex|predicates\..*\.pattern)$/.test(name)
        ? value.replace(from, variant.topicPrefix)
        : value;
      return [name, own];
    }),
  );
  Object.assign(config, {
    'topic.prefix': variant.topicPrefix,
    'database.server.id': String(variant.serverId),
    'transforms.route.replacement': variant.topic,
    'schema.history.internal.kafka.topic': `${variant.topicPrefix}.schema-history`,
  });
  const folder = mkdtempSync(join(tmpdir(), 'order-projector-'));
  const file = join(folder, 'connector.json');
  writeFileSync(file, JSON.stringify({name: variant.name, config}));
  try {
    return projector(['connector', 'apply', '--file', file], {KAFKA_TOPIC: variant.topic});
  } finally {
    rmSync(folder, {recursive: true, force: true});
  }
}
