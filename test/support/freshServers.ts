/**
 * Runs before each test file on real servers. It makes sure that the servers of the lane run, that Redis is empty, and that
 * no connector is running, even if the previous file failed halfway.
 */
import {Redis} from 'ioredis';
import {openStack, SERVER_NAMES} from '../../stack/stack.js';
import {deleteConnectors} from './connector.js';
import {testStack} from './stack.js';

beforeAll(async () => {
  const {name, env} = testStack();
  const stack = openStack(name);
  await Promise.all(SERVER_NAMES.map(async (server) => await stack.startServer(server)));
  const redis = new Redis(env.redis.url);
  await redis.flushall();
  redis.disconnect();
  await deleteConnectors();
}, 120_000);
