/**
 * docker-compose.yml and the Dockerfile, as they are: all services come up healthy, the one-shot registers the connector,
 * and an order from MySQL is in Redis. Needs a Docker engine; without one it is skipped, and says so.
 */
import {spawnSync} from 'node:child_process';
import {Redis} from 'ioredis';
import mysql from 'mysql2/promise';
import {DockerComposeEnvironment, Wait, type StartedDockerComposeEnvironment} from 'testcontainers';
import {freePorts} from '../../stack/ports.js';
import {until} from '../support/until.js';

const START_TIMEOUT_MS = 300_000;

const hasDocker = spawnSync('docker', ['compose', 'ls'], {timeout: 5_000}).status === 0;
if (!hasDocker)
  process.stderr.write('skipped: the test of docker-compose.yml needs a Docker engine, and none answers\n');

(hasDocker ? describe : describe.skip)('docker-compose.yml', () => {
  let environment: StartedDockerComposeEnvironment | undefined;
  let ports: number[];

  beforeAll(async () => {
    ports = await freePorts(4);
    const [mysqlPort, kafkaPort, connectPort, redisPort] = ports.map(String);
    environment = await new DockerComposeEnvironment('.', 'docker-compose.yml')
      .withEnvironment({
        MYSQL_PORT: mysqlPort!,
        KAFKA_PORT: kafkaPort!,
        CONNECT_PORT: connectPort!,
        REDIS_PORT: redisPort!,
      })
      .withBuild()
      .withDefaultWaitStrategy(Wait.forHealthCheck())
      .withWaitStrategy('connector-1', Wait.forOneShotStartup())
      .withStartupTimeout(START_TIMEOUT_MS)
      .up();
  }, START_TIMEOUT_MS);

  afterAll(async () => {
    await environment?.down({removeVolumes: true});
  }, 60_000);

  test('an order from MySQL is in Redis, written by the worker in its container', async () => {
    const [mysqlPort, , , redisPort] = ports;
    const connection = await mysql.createConnection({
      uri: `mysql://shop:shop@127.0.0.1:${mysqlPort!}/shop`,
      multipleStatements: true,
    });
    const redis = new Redis(redisPort!, '127.0.0.1');
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

  test('the worker does not run as root', async () => {
    const {output} = await environment!.getContainer('worker-1').exec(['id', '-u']);
    expect(output.trim()).not.toBe('0');
  });
});
