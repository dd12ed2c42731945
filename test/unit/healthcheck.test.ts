/** The health check of the image, run as a separate process against HTTP servers like that of a worker. */
import {spawn} from 'node:child_process';
import {createServer} from 'node:net';
import {HttpServer, json} from '../../src/observe/http.js';

interface Told {
  readonly code: number | null;
  readonly text: string;
}

async function check(variables: Record<string, string>, ...args: string[]): Promise<Told> {
  const child = spawn(process.execPath, ['--import', 'tsx', 'src/healthcheck.ts', ...args], {
    env: {...process.env, ...variables},
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return {code, text: text.trim()};
}

let server: HttpServer;
let port: string;
beforeAll(async () => {
  server = new HttpServer({
    '/livez': () => json(200, {ok: true}),
    '/readyz': () => json(503, {ok: false, reasons: ['redis-unreachable']}),
  });
  port = String(await server.listen('127.0.0.1', 0));
});
afterAll(async () => await server.close());

test('without an argument, the check requests /livez, prints the response and exits with code 0', async () => {
  expect(await check({PROJECTOR_HTTP_PORT: port})).toEqual({code: 0, text: '{"ok":true}'});
});

test('a worker that listens on all addresses is checked on the loopback address', async () => {
  expect(await check({PROJECTOR_HTTP_PORT: port, PROJECTOR_HTTP_HOST: '0.0.0.0'})).toEqual({
    code: 0,
    text: '{"ok":true}',
  });
});

test('for a worker that is not ready, the check prints the reasons and exits with code 1', async () => {
  expect(await check({PROJECTOR_HTTP_PORT: port}, '/readyz')).toEqual({
    code: 1,
    text: '{"ok":false,"reasons":["redis-unreachable"]}',
  });
});

test('if the connection is refused, the check exits with code 1', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const {port: free} = other.address() as {port: number};
  await new Promise((resolve) => other.close(resolve));
  const notified = await check({PROJECTOR_HTTP_PORT: String(free)});
  expect(notified.code).toBe(1);
  expect(notified.text).toMatch(/^the request to 127\.0\.0\.1:\d+ failed: .*ECONNREFUSED/);
});

test('if the worker does not respond, the check exits with code 1 after its timeout', async () => {
  const silent = createServer();
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const {port: taken} = silent.address() as {port: number};
  const notified = await check({PROJECTOR_HTTP_PORT: String(taken)});
  silent.close();
  expect(notified).toEqual({code: 1, text: `127.0.0.1:${taken} did not respond within 4000 ms`});
});

test.each(['off', '0'])('PROJECTOR_HTTP_PORT %s causes exit code 1 and the reason', async (value) => {
  expect(await check({PROJECTOR_HTTP_PORT: value})).toEqual({
    code: 1,
    text: `a health check requires a fixed port, but PROJECTOR_HTTP_PORT is ${value}`,
  });
});
