/**
 * Before each test file on real servers: the servers of its lane run, Redis is empty, and no connector reads or writes.
 * Whatever the file before has left, even one that failed in the middle, is gone.
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
