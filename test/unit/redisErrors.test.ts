/** Errors of Redis in words: what the outside world can do is never called a defect. */
import {unsupportedServer} from '../../src/clients/redis/suitableServer.js';
import {translateRedisError} from '../../src/clients/redis/errors.js';
import {ERROR_POLICY} from '../../src/runtime/errorPolicy.js';

function reply(message: string): Error {
  return Object.assign(new Error(message), {name: 'ReplyError'});
}

test.each([
  ['ERR unknown command ZMSCORE', 'redis-rejected'],
  ['ANYTHING else that a server can invent', 'redis-rejected'],
  ["CROSSSLOT Keys in request don't hash to the same slot", 'redis-clustered'],
  ['MOVED 1234 10.0.0.1:6379', 'redis-clustered'],
  ['NOPERM this user has no permissions', 'redis-denied'],
  ['LOADING Redis is loading the dataset in memory', 'redis-unreachable'],
  ['WRONGTYPE Operation against a key', 'read-model-corrupt'],
])('the reply "%s" is %s', (message, kind) => {
  const failure = translateRedisError(reply(message), 'Redis at redis://h', undefined);
  expect(failure.kind).toBe(kind);
  expect(ERROR_POLICY[failure.kind].advice).not.toMatch(/defect/);
});

test.each([
  ['Redis 7', 'redis_version:7.0.15\r\nredis_mode:standalone', undefined],
  ['Redis 8', 'redis_version:8.0.2', undefined],
  ['Redis 6.2', 'redis_version:6.2.0', undefined],
  [
    'Valkey, which names the Redis version that it is compatible with',
    'redis_version:7.2.4\r\nserver_name:valkey',
    undefined,
  ],
  ['Redis 6.0', 'redis_version:6.0.16', 'Redis 6.0.16; this program needs 6.2 or later'],
  ['Redis 5', 'redis_version:5.0.3', 'Redis 5.0.3; this program needs 6.2 or later'],
  ['Dragonfly', 'redis_version:7.4.0\r\ndragonfly_version:df-v1.24', 'Dragonfly, which is not supported'],
  ['KeyDB', 'redis_version:6.3.4\r\nexecutable:/usr/bin/keydb-server', 'KeyDB, which is not supported'],
  ['a server without a version', '', undefined],
])('%s', (_, info, expected) => {
  expect(unsupportedServer(info)).toBe(expected);
});
