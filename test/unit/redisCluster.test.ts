/** Replies of the nodes of a Redis Cluster, and the settings for one. */
import {assignmentOf, ownLine} from '../../src/clients/redis/clusterMap.js';
import {slotOf} from '../../src/clients/redis/hashSlot.js';
import {clusterError, redirectOf} from '../../src/clients/redis/redirect.js';
import {redisSettings} from '../../src/config/clientOptions.js';
import {readConfig} from '../../src/config/readConfig.js';
import {ProjectorError} from '../../src/runtime/errors.js';

function replyError(message: string): Error {
  return Object.assign(new Error(message), {name: 'ReplyError'});
}

test.each([
  ['123456789', 12_739],
  ['{user}.a', slotOf('user')],
  ['a{b}{c}', slotOf('b')],
])('the slot of %s', (key, slot) => {
  expect(slotOf(key)).toBe(slot);
});

test.each([
  ['MOVED 3999 127.0.0.1:6381', {kind: 'moved', place: '127.0.0.1:6381'}],
  ['MOVED 3999 :6381', {kind: 'moved', place: '10.0.0.1:6381'}],
  ['ASK 3999 redis-2.example.com:6381', {kind: 'ask', place: 'redis-2.example.com:6381'}],
  ['TRYAGAIN Multiple keys request during rehashing of slot', {kind: 'wait'}],
  ['CLUSTERDOWN Hash slot not served', {kind: 'wait'}],
])('%s means that the command was not executed', (message, expected) => {
  expect(redirectOf(replyError(message), '10.0.0.1:6379')).toMatchObject(expected);
});

test.each([
  new Error('Connection is closed.'),
  new Error('MOVED 1 a:1'),
  replyError('READONLY You can not write against a read only replica.'),
  replyError('CROSSSLOT Keys in request do not hash to the same slot'),
  replyError('ERR Script attempted to access a non local key in a cluster node'),
])('after "%s" a command is not sent again (I4)', (error) => {
  expect(redirectOf(error, '10.0.0.1:6379')).toBeUndefined();
});

test('a script that finds only a part of its keys is a temporary failure', () => {
  const error = replyError(
    'ERR Script attempted to access a non local key in a cluster node script: e0e1f9fabfc9d4800c877a703b823ac0578ff8db, on @user_script:1.',
  );
  expect(clusterError(error, 'Redis at x', undefined)).toMatchObject({
    kind: 'redis-unreachable',
    detail:
      'Redis at x cannot process commands while slots are moved: ERR Script attempted to access a non local key in a cluster node',
  });
});

const line = (slots: string, flags = 'myself,master'): string =>
  `b1 127.0.0.1:1@2 slave c2 0 1 1 connected\na0 127.0.0.1:3@4 ${flags} - 0 0 2 connected ${slots}\n`;

test.each([
  ['all slots', ['0-8000 8002-16383', '8001'], true],
  ['a slot without a node', ['0-8000', '8002-16383'], false],
  ['a slot that is being moved', ['0-16383 [77->-c2]'], false],
])('an assignment with %s', (_what, slots, isComplete) => {
  expect(assignmentOf(slots.map((text) => ownLine(line(text)))) !== undefined).toBe(isComplete);
});

test('a node that is not a master has no assignment', () => {
  expect(assignmentOf([ownLine(line('0-16383', 'myself,slave'))])).toBeUndefined();
  expect(assignmentOf([ownLine('')])).toBeUndefined();
});

describe('REDIS_CLUSTER_NODES', () => {
  const NODES = {
    REDIS_CLUSTER_NODES: 'a:1,b:2',
    REDIS_URL: 'redis://a:1',
    REDIS_LAYOUT: 'partitioned',
    REDIS_KEY_PREFIX: 'shop:',
  };

  test('is passed on for the same server, and not for another one', () => {
    const config = {...readConfig(NODES, []), redisUrl: NODES.REDIS_URL};
    expect(redisSettings(config).clusterNodes).toEqual(['a:1', 'b:2']);
    expect(redisSettings(config, 'redis://other:1/3').clusterNodes).toBeUndefined();
  });

  test.each([
    [{REDIS_URL: 'redis://a:1/2'}, /REDIS_URL must name database 0/],
    [{REDIS_SENTINELS: 'c:3', REDIS_URL: 'redis://a'}, /REDIS_SENTINELS must not be set together/],
  ])('contradicts %j', (other, message) => {
    const read = (): unknown => readConfig({...NODES, ...other}, []);
    expect(read).toThrow(ProjectorError);
    expect(read).toThrow(message);
  });
});
