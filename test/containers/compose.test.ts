/**
 * docker-compose.yml and the Dockerfile, as they are: all services come up healthy, the one-shot registers the connector,
 * an order from MySQL is in Redis, and Prometheus finds the worker. Needs a Docker engine; without one it is skipped, and says so.
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
/** Panels without data while no record was quarantined. */
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
      // Of the profile `observability` without Grafana, of which nothing is asked here.
      .up(['worker', 'prometheus']);
  }, CLIENT_START_TIMEOUT_MS);

  afterAll(async () => {
    await environment?.down({removeVolumes: true});
  }, 60_000);

  /** Runs in the worker's container, which has no shell: a text of JavaScript. */
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

  test('an order from MySQL is in Redis, written by the worker in its container', async () => {
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

  test('the worker has no right of root, and cannot get one', async () => {
    const status = await inWorker(
      `process.stdout.write(require('fs').readFileSync('/proc/self/status', 'utf8'))`,
    );
    const line = (name: string): string => new RegExp(`^${name}:\\s*(.*)$`, 'm').exec(status)?.[1] ?? '';
    expect(line('Uid').split(/\s+/)).toEqual(Array(4).fill('65532'));
    expect(line('Gid').split(/\s+/)).toEqual(Array(4).fill('65532'));
    expect([line('CapPrm'), line('CapEff'), line('CapBnd')]).toEqual(Array(3).fill('0000000000000000'));
    expect(line('NoNewPrivs')).toBe('1');
  });

  test('its files cannot be written, and there is no shell', async () => {
    const tries = ['/app/x', '/tmp/x', '/x'].map(
      (file) => `try { fs.writeFileSync('${file}', ''); r.push('written') } catch (e) { r.push(e.code) }`,
    );
    const notified = await inWorker(
      `const fs = require('fs'), r = []; ${tries.join(';')};
       r.push(fs.existsSync('/bin/sh') || fs.existsSync('/usr/bin/sh')); process.stdout.write(r.join(' '))`,
    );
    expect(notified).toBe('EROFS EROFS EROFS false');
  });

  test('the image is small, and its health check needs nothing but Node', () => {
    const {stdout} = spawnSync('docker', ['image', 'inspect', 'order-projector'], {encoding: 'utf8'});
    const [image] = JSON.parse(stdout) as [
      {Size: number; Config: {User: string; Healthcheck: {Test: string[]}}},
    ];
    process.stdout.write(`the image has ${(image.Size / 1e6).toFixed(0)} MB\n`);
    expect(image.Size).toBeLessThan(IMAGE_BYTES_MAX);
    expect(image.Config.User).toBe('65532:65532');
    expect(image.Config.Healthcheck.Test).toEqual(['CMD', 'node', 'dist/healthcheck.js']);
  });

  test('its probes answer on this machine, and its health check in the container', async () => {
    const answer = await fetch(`http://127.0.0.1:${ports.worker}/readyz`);
    expect(answer.status).toBe(200);
    const {exitCode, output} = await environment!
      .getContainer('worker-1')
      .exec(['node', 'dist/healthcheck.js']);
    expect([exitCode, output.trim()]).toEqual([0, '{"ok":true,"reasons":[]}']);
  });

  test('Prometheus has loaded the rules, none is in error, and no alert fires', async () => {
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

  test('every query of the dashboard has an answer', async () => {
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
      () => `an answer to every query; none to: ${JSON.stringify(empty)}`,
    );
  });
});
