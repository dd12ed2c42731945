import {ProjectorError} from '../../src/runtime/errors.js';
import {liveness, readiness, startup} from '../../src/observe/health.js';
import {Monitor} from '../../src/observe/monitor.js';
import {statusOf} from '../../src/observe/routes.js';
import {partitionView, workerView} from '../support/views.js';

const away = {kind: 'redis-unreachable', detail: 'Redis is away', sinceMs: 5} as const;

test('a worker that waits for Redis is alive but not ready, and reports the reason', () => {
  const view = workerView({state: 'waiting', troubles: [away], isRedisUp: false});
  expect(readiness(view)).toEqual({isWell: false, reasons: ['redis-unreachable: Redis is away']});
  expect(liveness(view, 60_000)).toEqual({isWell: true, reasons: []});
  expect(startup(view).isWell).toBe(true);
});

test.each([
  [{hasJoined: false}, 'has not joined'],
  [{isKafkaUp: false}, 'Kafka does not respond'],
  [{state: 'draining'} as const, 'is draining'],
  [{state: 'halted'} as const, 'is halted'],
])('a worker with %j is not ready', (known, reason) => {
  const {isWell, reasons} = readiness(workerView(known));
  expect([isWell, reasons.join()]).toEqual([false, expect.stringContaining(reason)]);
});

test('a worker with consumer lag is ready and alive', () => {
  const view = workerView({partitions: [partitionView({lagRecords: 1_000_000n})]});
  expect([readiness(view).isWell, liveness(view, 60_000).isWell]).toEqual([true, true]);
});

test('a worker is not alive after one of its partitions has been stuck for the maximum time', () => {
  const view = workerView({
    partitions: [partitionView({stuckMs: 59_999}), partitionView({partition: 4, stuckMs: 60_000})],
  });
  expect(liveness(view, 60_000)).toEqual({
    isWell: false,
    reasons: ['partition 4 has made no progress for 60 s'],
  });
});

describe('the monitor', () => {
  const lines: string[] = [];
  const log = {
    warn: (_: object, message: string) => void lines.push(message),
    info: (_: object, message: string) => void lines.push(message),
  };
  const facts = {version: '1.2.3', group: 'g', topic: 't'};

  test('the view shows the start and its trouble, and the state of the worker once it runs', () => {
    let nowMs = 1_000;
    const monitor = new Monitor(facts, log, () => nowMs);
    expect(startup(monitor.view)).toEqual({isWell: false, reasons: ['the worker is starting']});
    monitor.waiting(new ProjectorError('redis-unreachable', 'Redis is away'));
    expect(startup(monitor.view).reasons).toEqual(['redis-unreachable: Redis is away']);
    expect([monitor.view.isRedisUp, liveness(monitor.view, 1).isWell]).toEqual([false, true]);
    nowMs = 2_000;
    monitor.watch({view: workerView({partitions: [partitionView({position: 2n ** 60n})]})});
    const {view} = monitor;
    expect(view).toMatchObject({...facts, state: 'running', nowMs: 2_000, startedMs: 1_000, isRedisUp: true});
    expect(startup(view).isWell).toBe(true);
    expect(view.errors).toMatchObject([{kind: 'redis-unreachable', atMs: 1_000}]);
    expect(lines).toEqual(['waiting: Redis is away', 'recovered: redis-unreachable after 1.0 s']);
  });

  test('the status is JSON with offsets as strings (I8)', () => {
    const text = JSON.stringify(
      statusOf(
        workerView({nowMs: 3_000, partitions: [partitionView({position: 2n ** 60n, lagRecords: 5n})]}),
      ),
      (_, part: unknown) => (typeof part === 'bigint' ? part.toString() : part),
    );
    expect(JSON.parse(text)).toMatchObject({
      state: 'running',
      ready: {isWell: true},
      lagRecords: '5',
      freshnessSeconds: null,
      now: '1970-01-01T00:00:03.000Z',
      partitions: [{position: '1152921504606846976'}],
    });
  });
});
