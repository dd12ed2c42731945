/**
 * Before each test file on real servers: the servers of its lane run, Redis is empty, and no connector reads or writes,
 * even if the file before it failed in the middle.
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
