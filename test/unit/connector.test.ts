/** The file, the topic and the state of the connector, tested against a fake Kafka Connect server. */
import {readFileSync} from 'node:fs';
import {createServer, type Server} from 'node:http';
import type {AddressInfo} from 'node:net';
import {main} from '../../src/cli/program.js';
import {ConnectClient} from '../../src/clients/connect.js';
import type {KafkaTopic} from '../../src/clients/kafka/admin.js';
import type {Clock} from '../../src/runtime/lifecycle.js';
import {
  ensureTopic,
  parseConnectorFile,
  requireSuitableTopic,
  retentionWarning,
  throwIfFailed,
  waitUntilRunning,
  whyNotRunning,
} from '../../src/upstream/connector.js';

describe('a connector file', () => {
  test.each([
    ['connectors/orders.json', 'envelope'],
    ['connectors/orders-compact.json', 'compact'],
  ])('%s is the connector that follows from the default settings (npm run settings)', async (path, form) => {
    const parsed = parseConnectorFile(readFileSync(path, 'utf8'), path);
    const lines: string[] = [];
    const output = {line: (text: string) => lines.push(text), note: () => undefined};
    expect(
      await main(
        ['node', 'projector', 'connector', 'print', '--form', form],
        {SOURCE_DATABASE: 'shop'},
        output,
      ),
    ).toBe(0);
    expect(JSON.parse(lines.join('\n'))).toEqual(parsed);
  });

  test.each([
    ['no JSON', '{"name": "x",', /^connector-rejected: f\.json is not JSON/],
    ['no name', '{"config": {}}', /must contain \{"name"/],
    ['no config', '{"name": "x"}', /must contain \{"name"/],
    ['null', 'null', /must contain \{"name"/],
    [
      'a number in config',
      '{"name": "x", "config": {"tasks.max": 1}}',
      /config\.tasks\.max must be a string/,
    ],
  ])('a file with this fault is rejected with a message that names it: %s', (_name, text, message) => {
    expect(() => parseConnectorFile(text, 'f.json')).toThrow(message);
  });
});

describe('the events topic', () => {
  function topic(partitions: number | undefined, policy?: string): KafkaTopic & {created: unknown[]} {
    const created: unknown[] = [];
    const fake = {
      name: 't',
      created,
      partitionCount: () => Promise.resolve(partitions),
      setting: () => Promise.resolve(policy),
      create: (wanted: unknown) => Promise.resolve(created.push(wanted)),
    };
    return fake as unknown as KafkaTopic & {created: unknown[]};
  }
  const wanted = {partitions: 6, replicationFactor: 1};

  test('is created if it does not exist, and is never changed if it exists', async () => {
    const missing = topic(undefined);
    await expect(ensureTopic(missing, wanted)).resolves.toBe(true);
    expect(missing.created).toEqual([wanted]);
    const there = topic(3, 'delete');
    await expect(ensureTopic(there, wanted)).resolves.toBe(false);
    expect(there.created).toEqual([]);
  });

  test('causes a warning if its retention deletes old records (S1)', async () => {
    const withRetention = {
      name: 't',
      setting: (name: string) => Promise.resolve(name === 'retention.ms' ? '604800000' : '-1'),
    };
    await expect(retentionWarning(withRetention as unknown as KafkaTopic)).resolves.toMatch(
      /retention\.ms=604800000/,
    );
    const keeps = {name: 't', setting: () => Promise.resolve('-1')};
    await expect(retentionWarning(keeps as unknown as KafkaTopic)).resolves.toBeUndefined();
  });

  test.each(['compact', 'compact,delete'])('with cleanup.policy=%s is rejected (S1)', async (policy) => {
    await expect(requireSuitableTopic(topic(3, policy))).rejects.toMatchObject({kind: 'topic-unsuitable'});
  });

  test.each(['delete', undefined])('with cleanup.policy=%s is accepted', async (policy) => {
    await expect(requireSuitableTopic(topic(3, policy))).resolves.toBeUndefined();
  });
});

describe('Kafka Connect', () => {
  let server: Server;
  let url: string;
  let answers: {status: number; body: unknown}[];
  let authorization: string | undefined;
  let requests: string[];
  const clock: Clock = {
    nowMs: () => now,
    sleep: (ms) => {
      now += ms;
      return Promise.resolve();
    },
  };
  let now = 0;
  /** If true, the server sends the body as it is, and not as JSON. */
  let isPlain = false;

  beforeEach(async () => {
    [answers, requests, now, isPlain] = [[], [], 0, false];
    server = createServer((request, response) => {
      requests.push(`${request.method ?? ''} ${request.url ?? ''}`);
      authorization = request.headers.authorization;
      const {status, body} = (answers.length > 1 ? answers.shift() : answers[0]) ?? {status: 404, body: {}};
      const text = isPlain ? String(body) : JSON.stringify(body);
      response.writeHead(status, {connection: 'close'}).end(body === null ? '' : text);
      request.resume();
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  });
  afterEach(async () => {
    await new Promise((resolve) => server.close(resolve));
  });

  test('the credentials in the URL are sent in a header and occur in no message (I11)', async () => {
    answers = [{status: 401, body: {message: 'who are you'}}];
    const client = new ConnectClient(url.replace('//', '//ops:p%40ss@'));
    const failure: unknown = await client.status('shop-orders').catch((error: unknown) => error);
    expect(authorization).toBe(`Basic ${Buffer.from('ops:p@ss').toString('base64')}`);
    expect(failure).toMatchObject({kind: 'connector-rejected'});
    expect(String(failure)).not.toMatch(/ops|p@ss|p%40ss/);
  });

  test('a server that responds with another format than JSON is not Kafka Connect', async () => {
    answers = [{status: 200, body: '<html>'}];
    isPlain = true;
    await expect(new ConnectClient(url).status('shop-orders')).rejects.toMatchObject({
      kind: 'connect-unreachable',
      detail: expect.stringMatching(/is not Kafka Connect: its response is not JSON$/) as string,
    });
  });

  const state = (connector: string, ...tasks: string[]): {status: number; body: unknown} => ({
    status: 200,
    body: {
      connector: {state: connector},
      tasks: tasks.map((task, id) => ({id, state: task, trace: 'boom\n at x'})),
    },
  });

  test('the status is requested until connector and task run, also during rebalances', async () => {
    answers = [
      {status: 404, body: {message: 'no status'}},
      {status: 409, body: {message: 'rebalance'}},
      {status: 500, body: {message: 'not ready'}},
      state('RUNNING'),
      state('RUNNING', 'UNASSIGNED'),
      state('RUNNING', 'RUNNING'),
    ];
    const status = await waitUntilRunning(new ConnectClient(url), 'shop-orders', {clock, timeoutMs: 30_000});
    expect(status.tasks.map((task) => task.state)).toEqual(['RUNNING']);
    expect(requests).toEqual(Array.from({length: 6}, () => 'GET /connectors/shop-orders/status'));
  });

  test('a FAILED task ends the wait immediately, and the error contains its trace', async () => {
    answers = [state('RUNNING', 'UNASSIGNED'), state('RUNNING', 'RUNNING', 'FAILED')];
    const wait = waitUntilRunning(new ConnectClient(url), 'shop-orders', {clock, timeoutMs: 30_000});
    await expect(wait).rejects.toMatchObject({
      kind: 'connector-failed',
      detail: 'connector shop-orders task 1 is FAILED:\nboom\n at x',
    });
  });

  test('after a change, a failure that equals the previous one is first ignored as stale', async () => {
    const failed = state('FAILED', 'FAILED');
    answers = [failed, failed, state('RUNNING', 'UNASSIGNED'), state('RUNNING', 'RUNNING')];
    const connect = new ConnectClient(url);
    const before = await connect.status('shop-orders');
    const status = await waitUntilRunning(connect, 'shop-orders', {clock, timeoutMs: 30_000, before});
    expect(status.tasks.map((task) => task.state)).toEqual(['RUNNING']);
  });

  test('after a change, a failure that persists is reported in the end', async () => {
    answers = [state('FAILED', 'FAILED')];
    const connect = new ConnectClient(url);
    const before = await connect.status('shop-orders');
    await expect(
      waitUntilRunning(connect, 'shop-orders', {clock, timeoutMs: 30_000, before}),
    ).rejects.toMatchObject({kind: 'connector-failed', detail: expect.stringContaining('boom') as string});
  });

  test('the wait times out with an error that contains the last status (L4)', async () => {
    answers = [state('RUNNING', 'UNASSIGNED')];
    const wait = waitUntilRunning(new ConnectClient(url), 'shop-orders', {clock, timeoutMs: 1_000});
    await expect(wait).rejects.toMatchObject({
      detail:
        'connector shop-orders is not running after 1000 ms: it is RUNNING, task 0 UNASSIGNED (see the log of Kafka Connect for the cause)',
    });
    expect(now).toBe(1_000);
  });

  test('a rejected request is not retried, and the error is one line', async () => {
    answers = [{status: 400, body: {message: 'Connector configuration is invalid\n  and contains 1 error'}}];
    await expect(new ConnectClient(url).apply('x y', {})).rejects.toMatchObject({
      kind: 'connector-rejected',
      detail: expect.stringMatching(
        /400: Connector configuration is invalid and contains 1 error$/,
      ) as string,
    });
    expect(requests).toEqual(['PUT /connectors/x%20y/config']);
  });

  test('restart and delete return whether the connector exists, and a missing one has none', async () => {
    const connect = new ConnectClient(url);
    answers = [{status: 204, body: null}];
    await expect(connect.restart('a', 'all')).resolves.toBe(true);
    await expect(connect.delete('a')).resolves.toBe(true);
    answers = [{status: 404, body: {}}];
    await expect(connect.restart('a', 'all')).resolves.toBe(false);
    await expect(connect.delete('a')).resolves.toBe(false);
    await expect(connect.status('a')).resolves.toBeUndefined();
  });

  test('a server that cannot be reached causes the error connect-unreachable', async () => {
    const connect = new ConnectClient(url.replace(/:\d+/, ':1'));
    await expect(connect.status('a')).rejects.toMatchObject({kind: 'connect-unreachable'});
  });
});

test('the error of a failed connector without tasks names no task', () => {
  const status = {state: 'FAILED', trace: undefined, tasks: []};
  expect(() => throwIfFailed('shop-orders', status)).toThrow('connector shop-orders is FAILED:\n(no trace)');
});

test.each([
  [undefined, 'has no status in Kafka Connect'],
  [{state: 'RUNNING', tasks: ['RUNNING']}, undefined],
  [{state: 'RUNNING', tasks: []}, 'is RUNNING, without a task'],
  [{state: 'RUNNING', tasks: ['FAILED']}, 'is RUNNING, task 0 FAILED'],
  [{state: 'PAUSED', tasks: ['PAUSED']}, 'is PAUSED, task 0 PAUSED'],
  [{state: 'FAILED', tasks: ['RUNNING']}, 'is FAILED, task 0 RUNNING'],
])('the reason why a connector with status %j does not run is: %s', (shown, reason) => {
  const tasks = shown?.tasks.map((state, id) => ({id, state, trace: undefined})) ?? [];
  expect(whyNotRunning(shown === undefined ? undefined : {...shown, trace: undefined, tasks})).toBe(reason);
});
