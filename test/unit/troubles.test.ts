/** The log lines of an outage: one when a dependency becomes unreachable, and one when it has recovered. */
import {ProjectorError} from '../../src/runtime/errors.js';
import {Troubles} from '../../src/worker/troubles.js';

let nowMs = 0;

function notified(): {troubles: Troubles; lines: string[]} {
  const lines: string[] = [];
  const log = {
    warn: (_fields: object, message: string) => void lines.push(message),
    info: (_fields: object, message: string) => void lines.push(message),
  };
  return {troubles: new Troubles(log, () => nowMs), lines};
}

const redis = new ProjectorError('redis-unreachable', 'Redis is away');
const kafka = new ProjectorError('kafka-unreachable', 'Kafka is away');

test('one trouble of several sources is one line, and its recovery is one line after the last source recovers', () => {
  const {troubles, lines} = notified();
  for (const source of ['1', '2', '1', '2']) troubles.notify(source, redis);
  troubles.notify('1', null);
  expect(lines).toEqual(['waiting: Redis is away']);
  troubles.notify('2', null);
  troubles.notify('2', null);
  expect(lines).toEqual(['waiting: Redis is away', 'recovered: redis-unreachable after 0.0 s']);
});

test('a second kind of trouble has its own line', () => {
  const {troubles, lines} = notified();
  troubles.notify('1', redis);
  troubles.notify('2', kafka);
  expect(lines).toEqual(['waiting: Redis is away', 'waiting: Kafka is away']);
});

test('each kind has its own recovery line, with its duration', () => {
  const {troubles, lines} = notified();
  nowMs = 1_000;
  troubles.notify('1', redis);
  troubles.notify('2', kafka);
  nowMs = 13_345;
  troubles.notify('1', null);
  expect(lines.slice(2)).toEqual(['recovered: redis-unreachable after 12.3 s']);
  nowMs = 20_000;
  troubles.notify('2', redis);
  expect(lines.slice(3)).toEqual(['recovered: kafka-unreachable after 19.0 s', 'waiting: Redis is away']);
});

test('a success without an earlier trouble is not logged', () => {
  const {troubles, lines} = notified();
  troubles.notify('1', null);
  expect(lines).toEqual([]);
});

test('a source that was removed does not delay the recovery line', () => {
  const {troubles, lines} = notified();
  troubles.notify('1', redis);
  troubles.notify('2', redis);
  troubles.forget('1');
  troubles.notify('2', null);
  expect(lines).toEqual(['waiting: Redis is away', 'recovered: redis-unreachable after 0.0 s']);
});

test('the current troubles have their start time, and the last 10 errors are kept', () => {
  const {troubles} = notified();
  nowMs = 5;
  troubles.notify('1', redis);
  nowMs = 7;
  troubles.notify('2', redis);
  troubles.notify('1', redis);
  troubles.notify('3', kafka);
  expect(troubles.now).toEqual([
    {kind: 'redis-unreachable', detail: 'Redis is away', sinceMs: 5},
    {kind: 'kafka-unreachable', detail: 'Kafka is away', sinceMs: 7},
  ]);
  for (const source of ['1', '2', '3']) troubles.notify(source, null);
  expect(troubles.now).toEqual([]);
  expect(troubles.errors.map(({atMs, kind}) => [atMs, kind])).toEqual([
    [7, 'kafka-unreachable'],
    [5, 'redis-unreachable'],
  ]);
  for (let i = 0; i < 20; i++) {
    troubles.notify('1', redis);
    troubles.notify('1', null);
  }
  expect(troubles.errors).toHaveLength(10);
});
