/**
 * docker-compose.yml and the Dockerfile, unchanged. All services become healthy, the one-shot service
 * registers the connector, an order from MySQL arrives in Redis, and Prometheus scrapes the worker. The tests
 * require a Docker engine. Without one they are skipped, with a message.
 */
import {spawnSync} from 'node:child_process';
import {Redis} from 'ioredis';
import mysql from 'mysql2/promise';
import {DockerComposeEnvironment, Wait, type StartedDockerComposeEnvironment} from 'testcontainers';
import {freePorts} from '../../stack/ports.js';
import {alertRules, panelQueries} from '../support/promql.js';
import {until} from '../support/until.js';

const CLIENT_START_TIMEOUT_MS = 300_000;
const IMAGE_BYTES_MAX = 200_000_000;
/** Panels that have no data if no record was quarantined. */
const EMPTY_WHEN_WELL = ['Quarantined records by reason'];

const hasDocker = spawnSync('docker', ['compose', 'ls'], {timeout: 5_000}).status === 0;
if (!hasDocker)
  process.stderr.write('skipped: the test of docker-compose.yml needs a Docker engine, and none answers\n');

interface PrometheusAnswer {
  readonly status: string;
  readonly error?: string;
  readonly data: {readonly result: readonly {readonly value: readonly [number, string]}[]};
}

interface Ports {
  readonly mysql: number;
  readonly redis: number;
  readonly worker: number;
  readonly prometheus: number;
}

(hasDocker ? describe : describe.skip)('docker-compose.yml', () => {
  let environment: StartedDockerComposeEnvironment | undefined;
  let ports: Ports;

  beforeAll(async () => {
    const free = await freePorts(6);
    const [mysqlPort, kafkaPort, connectPort, redisPort, workerPort, prometheusPort] = free.map(String);
    ports = {mysql: free[0]!, redis: free[3]!, worker: free[4]!, prometheus: free[5]!};
    environment = await new DockerComposeEnvironment('.', 'docker-compose.yml')
      .withEnvironment({
        MYSQL_PORT: mysqlPort!,
        KAFKA_PORT: kafkaPort!,
        CONNECT_PORT: connectPort!,
        REDIS_PORT: redisPort!,
        WORKER_PORT: workerPort!,
        PROMETHEUS_PORT: prometheusPort!,
      })
      .withBuild()
      .withDefaultWaitStrategy(Wait.forHealthCheck())
      .withWaitStrategy('connector-1', Wait.forOneShotStartup())
      .withStartupTimeout(CLIENT_START_TIMEOUT_MS)
      // Prometheus belongs to the profile `observability`. Grafana is left out, because no test uses it.
      .up(['worker', 'prometheus']);
  }, CLIENT_START_TIMEOUT_MS);

  afterAll(async () => {
    await environment?.down({removeVolumes: true});
  }, 60_000);

  /** Runs JavaScript in the worker's container, because it has no shell. */
  async function inWorker(script: string): Promise<string> {
    const {output} = await environment!.getContainer('worker-1').exec(['node', '-e', script]);
    return output.trim();
  }

  async function prometheus(path: string): Promise<unknown> {
    const answer = await fetch(`http://127.0.0.1:${ports.prometheus}/api/v1/${path}`);
    return await answer.json();
  }

  async function query(text: string): Promise<PrometheusAnswer> {
    return (await prometheus(`query?query=${encodeURIComponent(text)}`)) as PrometheusAnswer;
  }

  test('the worker in its container writes an order from MySQL to Redis', async () => {
    const connection = await mysql.createConnection({
      uri: `mysql://shop:shop@127.0.0.1:${ports.mysql}/shop`,
      multipleStatements: true,
    });
    const redis = new Redis(ports.redis, '127.0.0.1');
    try {
      await connection.query(
        `BEGIN; INSERT INTO orders (id, user_id, total_amount) VALUES (1, 7, 45.99);
         INSERT INTO order_items (order_id, product_id, quantity, unit_price) VALUES (1, 10, 1, 15.99), (1, 15, 3, 10.00);
         COMMIT`,
      );
      const hash = await until(
        async () => {
          const found = await redis.hgetall('order:1');
          return found['items_count'] === '2' ? found : undefined;
        },
        () => 'order:1 with two items in Redis',
      );
      expect(hash).toEqual({
        id: '1',
        user_id: '7',
        total_amount: '45.99',
        items_count: '2',
        items: 'product_id:10,quantity:1;product_id:15,quantity:3',
      });
      expect(await redis.get('product:15:sold')).toBe('3');
    } finally {
      redis.disconnect();
      await connection.end();
    }
  });

  test('the worker does not run as root, and cannot gain privileges', async () => {
    const status = await inWorker(
      `process.stdout.write(require('fs').readFileSync('/proc/self/status', 'utf8'))`,
    );
    const line = (name: string): string => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1] ?? '';
    expect(line('Uid').split(/\s+/)).toEqual(Array(4).fill('65532'));
    expect(line('Gid').split(/\s+/)).toEqual(Array(4).fill('65532'));
    expect([line('CapPrm'), line('CapEff'), line('CapBnd')]).toEqual(Array(3).fill('0000000000000000'));
    expect(line('NoNewPrivs')).toBe('1');
  });

  test('the container has a read-only file system and no shell', async () => {
    const tries = ['/app/x', '/tmp/x', '/x'].map(
      (file) => `try { fs.writeFileSync('${file}', ''); r.push('written') } catch (e) { r.push(e.code) }`,
    );
    const notified = await inWorker(
      `const fs = require('fs'), r = []; ${tries.join(';')};
       r.push(fs.existsSync('/bin/sh') || fs.existsSync('/usr/bin/sh')); process.stdout.write(r.join(' '))`,
    );
    expect(notified).toBe('EROFS EROFS EROFS false');
  });

  test('the image is smaller than its limit, and its health check requires only Node.js', () => {
    const {stdout} = spawnSync('docker', ['image', 'inspect', 'order-projector'], {encoding: 'utf8'});
    const [image] = JSON.parse(stdout) as [
      {Size: number; Config: {User: string; Healthcheck: {Test: string[]}}},
    ];
    process.stdout.write(`the image has ${(image.Size / 1e6).toFixed(0)} MB\n`);
    expect(image.Size).toBeLessThan(IMAGE_BYTES_MAX);
    expect(image.Config.User).toBe('65532:65532');
    expect(image.Config.Healthcheck.Test).toEqual(['CMD', 'node', 'dist/healthcheck.js']);
  });

  test('the readiness probe responds on the host, and the health check succeeds in the container', async () => {
    const answer = await fetch(`http://127.0.0.1:${ports.worker}/readyz`);
    expect(answer.status).toBe(200);
    const {exitCode, output} = await environment!
      .getContainer('worker-1')
      .exec(['node', 'dist/healthcheck.js']);
    expect([exitCode, output.trim()]).toEqual([0, '{"ok":true,"reasons":[]}']);
  });

  test('Prometheus has loaded all alert rules and evaluates them, and no alert fires', async () => {
    await until(
      async () => (await query('projector_build_info')).data.result.length > 0,
      () => 'a worker that Prometheus has scraped',
    );
    const {data} = await until(
      async () => {
        const now = (await prometheus('rules')) as {
          data: {groups: {rules: {name: string; health: string; state: string}[]}[]};
        };
        return now.data.groups.some(({rules}) => rules.every(({health}) => health === 'ok')) && now;
      },
      () => 'rules that were evaluated',
    );
    const rules = data.groups.flatMap((group) => group.rules);
    expect(rules.map(({name}) => name).sort()).toEqual(
      alertRules()
        .map(({alert}) => alert)
        .sort(),
    );
    expect(rules.filter(({state}) => state === 'firing')).toEqual([]);
  });

  test('every query of the dashboard returns data, except for panels about quarantined records', async () => {
    let empty: unknown;
    await until(
      async () => {
        const found = await Promise.all(
          panelQueries().map(async ({title, text}) => ({title, text, answer: await query(text)})),
        );
        expect(found.filter(({answer}) => answer.status !== 'success')).toEqual([]);
        const without = found.filter(({answer}) => answer.data.result.length === 0);
        empty = without.map(({title}) => title);
        return without.every(({title}) => EMPTY_WHEN_WELL.includes(title));
      },
      () => `data for every query. Panels without data: ${JSON.stringify(empty)}`,
    );
  });
});
