/**
 * Errors of an operator, such as an invalid setting or an unreachable server. The program reports each one
 * in a single line that names what failed, where, and what to do next. The line contains no secret (I11).
 */
import {mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {createTopic} from '../support/kafka.js';
import {startWorker, type Variables} from '../support/pipeline.js';
import {projector} from '../support/projector.js';
import {shopOfFile} from '../support/shop.js';
import {testStack} from '../support/stack.js';
import {until} from '../support/until.js';

/** Nothing listens on port 1. */
const NOWHERE = '127.0.0.1:1';
const SECRET = 'x-secret-x';

// A worker checks its topic before it checks Redis, so the topic must exist.
beforeAll(async () => {
  await shopOfFile();
});

interface Ended {
  readonly code: number | null;
  readonly output: string;
  readonly fatal: Readonly<Record<string, unknown>>;
}

/** Runs a worker that cannot start, and waits until it exits. */
async function runToEnd(variables: Variables): Promise<Ended> {
  const worker = startWorker('bad-input', {
    PROJECTOR_START_TIMEOUT_MS: '1500',
    REDIS_TIMEOUT_MS: '1000',
    ...variables,
  });
  try {
    const {code} = await worker.exited;
    expect(worker.output).not.toContain(SECRET);
    return {code, output: worker.output, fatal: worker.log.find(({level}) => level === 60) ?? {}};
  } finally {
    await worker.end('SIGKILL');
  }
}

function expectOneClearEnd(
  {code, output, fatal}: Ended,
  expected: {code: number; kind: string; words: string[]},
): void {
  expect(fatal).toMatchObject({kind: expected.kind, exitCode: expected.code});
  expect(code).toBe(expected.code);
  for (const word of expected.words)
    expect(`${String(fatal['msg'])} ${String(fatal['advice'])}`).toContain(word);
  expect(output).not.toMatch(/^\s+at /m);
  expect(output).not.toContain('\\n    at ');
}

test('all invalid settings are reported in one run, each with what is allowed and an example, and no secret is shown', async () => {
  const {status, stdout, stderr} = await projector(['run'], {
    KAFKA_BROKERS: 'kafka',
    REDIS_URL: `http://:${SECRET}@redis`,
    PROJECTOR_CHUNK_ORDERS_MAX: '501',
    PROJECTOR_LOG_LEVEL: 'loud',
    KAFKA_SASL_MECHANISM: 'rot13',
  });

  expect(status).toBe(2);
  for (const name of [
    'KAFKA_BROKERS',
    'REDIS_URL',
    'PROJECTOR_CHUNK_ORDERS_MAX',
    'PROJECTOR_LOG_LEVEL',
    'KAFKA_SASL_MECHANISM',
  ]) {
    expect(stderr).toMatch(new RegExp(`${name}.* must be .*example ${name}=`));
  }
  expect(stderr + stdout).not.toContain(SECRET);
  expect(stderr).not.toMatch(/^\s+at /m);
});

test('settings that contradict each other are rejected with exit code 2', async () => {
  const {status, stderr} = await projector(['run'], {
    KAFKA_HEARTBEAT_INTERVAL_MS: '5000',
    KAFKA_SESSION_TIMEOUT_MS: '6000',
    KAFKA_SASL_USERNAME: 'somebody',
  });

  expect(status).toBe(2);
  expect(stderr).toContain('KAFKA_HEARTBEAT_INTERVAL_MS must be at most a third');
  expect(stderr).toContain('must be set together');
});

test('every required setting that is empty is named, and the exit code is 2', async () => {
  const {status, stderr} = await projector(['run'], {KAFKA_BROKERS: '', REDIS_URL: ''});

  expect(status).toBe(2);
  expect(stderr).toMatch(/KAFKA_BROKERS is not set/);
  expect(stderr).toMatch(/REDIS_URL is not set/);
});

test('a worker that receives SIGTERM while it waits for its servers at start exits with 0 (I12)', async () => {
  const worker = startWorker('bad-input', {KAFKA_BROKERS: NOWHERE, PROJECTOR_START_TIMEOUT_MS: '120000'});
  await until(
    () => worker.log.some(({kind}) => kind === 'kafka-unreachable'),
    () => worker.output,
  );
  await expect(worker.end('SIGTERM')).resolves.toEqual({code: 0, signal: null});
});

test('a worker that cannot reach a broker exits with 4 and names the address and KAFKA_BROKERS', async () => {
  const ended = await runToEnd({KAFKA_BROKERS: NOWHERE, MYSQL_URL: `mysql://shop:${SECRET}@${NOWHERE}/shop`});

  expectOneClearEnd(ended, {code: 4, kind: 'kafka-unreachable', words: [NOWHERE, 'KAFKA_BROKERS']});
});

test('a worker that cannot reach Redis exits with 4 and names the address and REDIS_URL', async () => {
  const ended = await runToEnd({REDIS_URL: `redis://user:${SECRET}@${NOWHERE}/3`});

  expectOneClearEnd(ended, {code: 4, kind: 'redis-unreachable', words: [NOWHERE, 'REDIS_URL']});
});

test('a worker whose login Redis rejects exits with 5 and names the address but not the password', async () => {
  const {host} = new URL(testStack().env.redis.url);
  const ended = await runToEnd({REDIS_URL: `redis://nobody:${SECRET}@${host}/0`});

  expectOneClearEnd(ended, {code: 5, kind: 'redis-denied', words: [host, 'password']});
});

test('a worker whose topic does not exist exits with 4 and names the topic, the broker and the next step', async () => {
  const ended = await runToEnd({KAFKA_TOPIC: 'shop.ordre-events'});

  expectOneClearEnd(ended, {
    code: 4,
    kind: 'topic-missing',
    words: ['shop.ordre-events', testStack().env.kafka.brokers[0]!, 'KAFKA_TOPIC', 'connector apply'],
  });
});

test('a worker rejects a compacted topic, because compaction deletes records (S1)', async () => {
  const topic = `compacted-${Date.now().toString(36)}`;
  await createTopic(topic, {config: {'cleanup.policy': 'compact'}});
  const ended = await runToEnd({KAFKA_TOPIC: topic});

  expectOneClearEnd(ended, {code: 2, kind: 'topic-unsuitable', words: [topic, 'cleanup.policy=compact']});
});

test('a connector command that cannot reach Kafka Connect exits with 4 and names the address and CONNECT_URL', async () => {
  const {status, stdout, stderr} = await projector(['connector', 'status'], {
    CONNECT_URL: `http://${NOWHERE}`,
    PROJECTOR_START_TIMEOUT_MS: '1500',
  });

  expect(status).toBe(4);
  expect(stderr).toContain(NOWHERE);
  expect(stderr).toContain('CONNECT_URL');
  expect(stderr + stdout).not.toMatch(/^\s+at /m);
});

/**
 * Calls `work` with a file that contains the shipped connector with some changed settings. Deletes the
 * connector from Connect afterwards.
 */
async function withConnector(
  changes: Readonly<Record<string, string>>,
  work: (file: string) => Promise<void>,
): Promise<void> {
  const name = `bad-${Date.now().toString(36)}`;
  const folder = mkdtempSync(join(tmpdir(), 'order-projector-'));
  const file = join(folder, 'connector.json');
  const shipped = JSON.parse(readFileSync('connectors/orders.json', 'utf8')) as {
    config: Record<string, string>;
  };
  const own = {
    'topic.prefix': name,
    'database.server.id': '184103',
    'schema.history.internal.kafka.topic': `${name}.history`,
    'transforms.route.regex': 'none',
    'transforms.route.replacement': testStack().env.topic,
    'predicates.isHeartbeat.pattern': '.*heartbeat',
  };
  writeFileSync(file, JSON.stringify({name, config: {...shipped.config, ...own, ...changes}}));
  try {
    await work(file);
  } finally {
    rmSync(folder, {recursive: true});
    await fetch(`${testStack().env.connect.url}/connectors/${name}`, {method: 'DELETE'});
  }
}

test('a connector that Connect rejects, here for a wrong password, is reported with the reason but not the password', async () => {
  await withConnector({'database.password': SECRET}, async (file) => {
    const {status, stdout, stderr} = await projector(['connector', 'apply', '--file', file], {
      PROJECTOR_START_TIMEOUT_MS: '1500',
    });
    expect(status).toBe(2);
    expect(stderr).toContain('Access denied for user');
    expect(stderr).toContain('connectors/README.md');
    expect(stderr + stdout).not.toContain(SECRET);
    await Promise.resolve();
  });
});

test('a failed connector task is reported with its stack trace and the next step', async () => {
  await withConnector({'transforms.heartbeatKey.field': 'nothing'}, async (file) => {
    await projector(['connector', 'apply', '--file', file]);
    const {stderr} = await until(
      async () => {
        const result = await projector(['connector', 'status', '--file', file]);
        return result.status === 4 && result;
      },
      () => 'the connector task to fail',
    );
    expect(stderr).toMatch(/connector-failed: connector bad-\w+ task 0 is FAILED/);
    expect(stderr).toContain('Unknown field: nothing');
    expect(stderr).toContain('projector connector apply');
  });
});
