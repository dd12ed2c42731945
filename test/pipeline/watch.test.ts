/**
 * A real worker as probes, Prometheus and operators see it: idle, under load, and while Redis is
 * unavailable.
 */
import {existsSync, readdirSync, readFileSync, readlinkSync} from 'node:fs';
import {createServer} from 'node:net';
import {openStack} from '../../stack/stack.js';
import type {WorkerProcess} from '../../stack/worker.js';
import {startWorker, Pipeline, connectMysql} from '../support/pipeline.js';
import {chosenSeed} from '../support/random.js';
import {shopOfFile} from '../support/shop.js';
import {testStack} from '../support/stack.js';
import {until} from '../support/until.js';
import {Workload} from '../support/workload.js';

interface Answer {
  readonly status: number;
  readonly body: string;
}

async function urlOf(worker: WorkerProcess): Promise<string> {
  const port = await until(
    () => worker.log.find(({msg}) => msg === 'http server listening')?.['port'],
    () => `the HTTP port in the log: ${worker.output.slice(-1_000)}`,
  );
  return `http://127.0.0.1:${String(port)}`;
}

async function get(worker: WorkerProcess, path: string): Promise<Answer> {
  const answer = await fetch(`${await urlOf(worker)}${path}`);
  return {status: answer.status, body: await answer.text()};
}

/** The value of each series. */
async function metrics(worker: WorkerProcess): Promise<Map<string, number>> {
  const {body} = await get(worker, '/metrics');
  return new Map(
    body.split('\n').flatMap((line) => {
      const [, series, value] = /^(\w+(?:\{.*\})?) (\S+)$/.exec(line) ?? [];
      return series === undefined ? [] : [[series, Number(value)]];
    }),
  );
}

/** The number of TCP sockets on which the process listens. */
function listeningSockets(pid: number): number {
  const own = new Set(
    readdirSync(`/proc/${pid}/fd`).map((fd) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${fd}`);
      } catch {
        return ''; // The process has closed it in the meantime.
      }
    }),
  );
  return ['tcp', 'tcp6']
    .map((name) => `/proc/${pid}/net/${name}`)
    .filter((path) => existsSync(path))
    .flatMap((path) => readFileSync(path, 'utf8').split('\n'))
    .map((row) => row.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode = '']) => state === '0A' && own.has(`socket:[${inode}]`)).length;
}

const PARTITIONS = 6;
let shop: Pipeline;
beforeAll(async () => {
  shop = await Pipeline.open('watch', {PROJECTOR_KAFKA_EXPORTER_METRICS: 'true'});
  await shop.applied();
}, 60_000);
afterAll(async () => await shop.close());

function lagSeries(topic: string, partition: number): string {
  return `projector_lag_records{topic="${topic}",partition="${partition}"}`;
}

test('an idle worker reports lag 0 and its position at the end of the topic, also under the names of kafka_exporter', async () => {
  await shop.placeOrder('12.50', [['1', 2]]);
  await shop.applied();
  const {topic} = testStack().env;
  const partitions = Array.from({length: PARTITIONS}, (_, partition) => partition);
  const keys = partitions.map((partition) => `watch:projector:position:${topic}:${partition}`);
  let wrong: unknown;
  // Heartbeats arrive all the time, and the reported end of the topic is up to 2 s old. So the test scrapes
  // until all values belong to the same moment.
  const found = await until(
    async () => {
      const now = await metrics(shop.worker);
      const positions = await shop.redis.mget(keys);
      wrong = partitions.flatMap((partition) => {
        const labels = `topic="${topic}",partition="${partition}"`;
        const position = Number(positions[partition]?.split(' ')[1]);
        const notified = [
          now.get(lagSeries(topic, partition)),
          now.get(`kafka_consumergroup_lag{consumergroup="watch",${labels}}`),
          now.get(`projector_position_offset{${labels}}`),
          now.get(`projector_log_end_offset{${labels}}`),
        ];
        return JSON.stringify(notified) === JSON.stringify([0, 0, position, position])
          ? []
          : [{position, notified}];
      });
      return (wrong as unknown[]).length === 0 && now;
    },
    () => `positions that equal the ends of the topic: ${JSON.stringify(wrong)}`,
  );
  expect(found.get(`projector_records_total{topic="${topic}",outcome="applied"}`)).toBeGreaterThan(0);
  expect(found.get('projector_state{state="running"}')).toBe(1);
  // The connector writes a heartbeat every few seconds.
  expect(found.get(`projector_freshness_seconds{topic="${topic}"}`)).toBeLessThan(60);
});

test('the metrics show that the connector of the topic was found and runs', async () => {
  const up = await until(
    async () =>
      [...(await metrics(shop.worker))].find(([series]) => series.startsWith('projector_connector_up')),
    () => 'the state of the connector in the metrics',
  );
  const {connector} = await shopOfFile();
  expect(up).toEqual([`projector_connector_up{connector="${connector.name}"}`, 1]);
});

test('all three probes return 200, and a POST is rejected with 405', async () => {
  for (const probe of ['/livez', '/readyz', '/startupz']) {
    expect(await get(shop.worker, probe)).toEqual({status: 200, body: '{"ok":true,"reasons":[]}\n'});
  }
  const post = await fetch(`${await urlOf(shop.worker)}/readyz`, {method: 'POST'});
  expect(post.status).toBe(405);
});

test('a worker under load responds to /status, and reports lag 0 after the shop is quiet', async () => {
  const connections = await Promise.all([connectMysql(), connectMysql()]);
  try {
    const workload = new Workload(connections, chosenSeed(), {base: 8_900_000});
    const selling = workload.transact(200);
    await workload.reached(50);
    const during = await get(shop.worker, '/status');
    expect(during.status).toBe(200);
    expect(JSON.parse(during.body)).toMatchObject({state: 'running', kafkaUp: true, redisUp: true});
    await selling;
    await shop.applied();
    await until(
      async () =>
        (JSON.parse((await get(shop.worker, '/status')).body) as {lagRecords: string}).lagRecords === '0',
      () => 'lag 0 in /status',
    );
  } finally {
    for (const connection of connections) await connection.end();
  }
});

test('a worker without Redis stays alive, is not ready and names the reason, and becomes ready again by itself', async () => {
  const live: number[] = [];
  const seen = async (path: string): Promise<Answer> => {
    live.push((await get(shop.worker, '/livez')).status);
    return await get(shop.worker, path);
  };
  const isAt = (status: number) => async (): Promise<Answer | false> => {
    const ready = await seen('/readyz');
    return ready.status === status && ready;
  };
  const stack = openStack(testStack().name);
  await stack.killServer('redis');
  const beginMs = Date.now();
  let away: Answer;
  try {
    away = await until(isAt(503), () => 'a worker that is not ready');
    process.stdout.write(`not ready ${Date.now() - beginMs} ms after Redis was killed\n`);
    expect(away.body).toContain('redis-unreachable');
    expect((await metrics(shop.worker)).get(`projector_redis_up{topic="${testStack().env.topic}"}`)).toBe(0);
  } finally {
    await stack.startServer('redis');
  }
  const backMs = Date.now();
  await until(isAt(200), () => 'a worker that is ready again');
  process.stdout.write(`ready ${Date.now() - backMs} ms after Redis was back\n`);
  expect(new Set(live)).toEqual(new Set([200]));
  const {errors} = JSON.parse((await get(shop.worker, '/status')).body) as {errors: {kind: string}[]};
  expect(errors[0]?.kind).toBe('redis-unreachable');
});

test('a worker whose event loop is blocked responds to no probe', async () => {
  const worker = startWorker('watch-block', {PROJECTOR_FAILPOINT: 'after-fetch:block'});
  try {
    const url = await urlOf(worker);
    await until(
      async () => {
        const answer = await fetch(`${url}/livez`, {signal: AbortSignal.timeout(1_000)}).catch(
          () => undefined,
        );
        return answer === undefined;
      },
      () => 'a probe without a response',
    );
    expect(worker.isRunning).toBe(true);
  } finally {
    await worker.end('SIGKILL');
  }
});

test('a worker whose HTTP port is in use logs the error as its last line and exits with 2 (F79)', async () => {
  const other = createServer();
  await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
  const {port} = other.address() as {port: number};
  const worker = startWorker('watch-port', {PROJECTOR_HTTP_PORT: String(port)});
  expect(await worker.exited).toMatchObject({code: 2});
  expect(worker.log.at(-1)).toMatchObject({kind: 'http-unavailable', level: 60, exitCode: 2});
  other.close();
});

test('a worker with PROJECTOR_HTTP_PORT=off starts no HTTP server', async () => {
  const worker = startWorker('watch-off', {PROJECTOR_HTTP_PORT: 'off'});
  try {
    await until(
      () => worker.log.some(({msg}) => msg === 'partitions assigned'),
      () => 'the worker to receive its partitions',
    );
    expect(worker.log.some(({msg}) => msg === 'http server listening')).toBe(false);
    expect([listeningSockets(shop.worker.pid), listeningSockets(worker.pid)]).toEqual([1, 0]);
  } finally {
    await worker.end('SIGTERM');
  }
});
