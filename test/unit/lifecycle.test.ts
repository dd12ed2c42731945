/** Signal, Backoff, the system clock, and the wait for servers at start. */
import {untilReachable} from '../../src/cli/start.js';
import {ProjectorError, type ErrorKind} from '../../src/runtime/errors.js';
import {
  Backoff,
  onAbort,
  Signal,
  systemClock,
  untilAborted,
  type Clock,
} from '../../src/runtime/lifecycle.js';

test('a wake resolves every wait that has begun, and none that begins later', async () => {
  const signal = new Signal();
  const woken: string[] = [];
  const waits = ['a', 'b'].map((name) => signal.wait().then(() => woken.push(name)));
  signal.wake();
  await Promise.all(waits);
  const late = signal.wait().then(() => woken.push('late'));
  await Promise.resolve();
  expect(woken).toEqual(['a', 'b']);
  signal.wake();
  await late;
  expect(woken).toEqual(['a', 'b', 'late']);
});

test('a backoff doubles up to its maximum and begins again after a reset', () => {
  const backoff = new Backoff(50, 1_000);
  const next = (): number => backoff.nextMs();
  expect([next(), next(), next(), next(), next(), next(), next()]).toEqual([
    50, 100, 200, 400, 800, 1000, 1000,
  ]);
  backoff.reset();
  expect(next()).toBe(50);
});

test('what waits for a signal also learns of one that has aborted before', async () => {
  const abort = new AbortController();
  let calls = 0;
  onAbort(abort.signal, () => calls++);
  abort.abort();
  onAbort(abort.signal, () => calls++);
  await untilAborted(abort.signal);
  expect(calls).toBe(2);
});

test('a sleep ends immediately if its signal aborts before or during it', async () => {
  const hour = 3_600_000;
  const abort = new AbortController();
  const during = systemClock.sleep(hour, abort.signal);
  abort.abort();
  await expect(during).resolves.toBeUndefined();
  await expect(systemClock.sleep(hour, abort.signal)).resolves.toBeUndefined();
});

describe('waiting for servers at start', () => {
  function fakeClock(): Clock & {slept: number[]} {
    let now = 0;
    const slept: number[] = [];
    return {
      slept,
      nowMs: () => now,
      sleep: (ms) => {
        slept.push(ms);
        now += ms;
        return Promise.resolve();
      },
    };
  }
  const failing = (kinds: ErrorKind[]): (() => Promise<string>) => {
    let attempt = 0;
    return () => {
      const kind = kinds[attempt++];
      return kind === undefined ? Promise.resolve('up') : Promise.reject(new ProjectorError(kind, 'down'));
    };
  };

  test('retries with backoff until the servers respond, and reports each kind of trouble once', async () => {
    const clock = fakeClock();
    const notified: string[] = [];
    const attempt = failing([
      'kafka-unreachable',
      'kafka-unreachable',
      'kafka-unreachable',
      'redis-unreachable',
    ]);
    const options = {clock, timeoutMs: 30_000, notify: (error: ProjectorError) => notified.push(error.kind)};
    await expect(untilReachable(options, attempt)).resolves.toBe('up');
    expect(notified).toEqual(['kafka-unreachable', 'redis-unreachable']);
    expect(clock.slept).toEqual([100, 200, 400, 800]);
  });

  test('ends with the last error after the timeout (L4)', async () => {
    const clock = fakeClock();
    const attempt = failing(Array.from({length: 100}, () => 'redis-unreachable'));
    const options = {clock, timeoutMs: 5_000, notify: () => undefined};
    await expect(untilReachable(options, attempt)).rejects.toMatchObject({kind: 'redis-unreachable'});
    expect(clock.nowMs()).toBe(5_000);
  });

  test('ends immediately on a permanent error', async () => {
    const clock = fakeClock();
    const options = {clock, timeoutMs: 5_000, notify: () => undefined};
    await expect(untilReachable(options, failing(['redis-denied']))).rejects.toMatchObject({
      kind: 'redis-denied',
    });
    expect(clock.slept).toEqual([]);
  });
});
