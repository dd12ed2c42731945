/** A comparison retries a request while a server is unreachable. It does not retry after any other error. */
import {ProjectorError, type ErrorKind} from '../../src/runtime/errors.js';
import {ORDER_TEXTS} from '../../src/operations/verify/orderTexts.js';
import type {MysqlHost} from '../../src/operations/verify/mysqlSide.js';
import {ReadRetry, retryingMysql, retryingRedis} from '../../src/operations/verify/retry.js';
import type {RedisHost} from '../../src/operations/verify/sides.js';

const SILENT_MS = 60_000;

class World {
  nowMs = 0;
  readonly notified: string[] = [];
  readonly end = new AbortController();
  readonly retry = new ReadRetry({
    clock: {
      nowMs: () => this.nowMs,
      sleep: async (ms) => {
        this.nowMs += ms;
        await Promise.resolve();
      },
    },
    silentMs: SILENT_MS,
    signal: this.end.signal,
    notify: (text) => this.notified.push(text),
  });
}

function failure(kind: ErrorKind = 'redis-unreachable'): ProjectorError {
  return new ProjectorError(kind, 'Redis does not answer');
}

/** A request that fails the given number of times, and then succeeds. */
function answerAfter(failures: number): () => Promise<string> {
  let tries = 0;
  return async () => {
    await Promise.resolve();
    if (tries++ < failures) throw failure();
    return 'answer';
  };
}

test('requests are retried during an outage, with one note when it begins and one when it ends', async () => {
  const {retry, notified} = new World();
  expect(await retry.ask(answerAfter(5))).toBe('answer');
  expect(notified).toEqual([
    'waiting: Redis does not answer',
    expect.stringMatching(/^recovered: redis-unreachable after \d+\.\d s$/),
  ]);
  expect(await retry.ask(answerAfter(1))).toBe('answer');
  expect(notified).toHaveLength(4);
});

test('the clock of the retry stands still during an outage, so that an outage uses up no other timeout', async () => {
  const world = new World();
  const {clock} = world.retry;
  await clock.sleep(1_000);
  await world.retry.ask(answerAfter(5));
  expect(clock.nowMs()).toBe(1_000);
  expect(world.nowMs).toBeGreaterThan(3_000);
  await world.retry.ask(async () => {
    await clock.sleep(2_000);
  });
  expect(clock.nowMs()).toBe(3_000);
});

test('an outage longer than the limit ends with the last error (L11)', async () => {
  const world = new World();
  await expect(world.retry.ask(answerAfter(1_000))).rejects.toMatchObject({kind: 'redis-unreachable'});
  expect(world.nowMs).toBeGreaterThanOrEqual(SILENT_MS);
  expect(world.nowMs).toBeLessThan(SILENT_MS + 5_000);
  expect(world.notified).toHaveLength(1);
});

test('a permanent error is not retried, and an abort signal ends the wait with its reason', async () => {
  const world = new World();
  let asked = 0;
  const refused = async (): Promise<never> => {
    asked++;
    await Promise.resolve();
    throw failure('redis-denied');
  };
  await expect(world.retry.ask(refused)).rejects.toMatchObject({kind: 'redis-denied'});
  expect([asked, world.notified]).toEqual([1, []]);
  const reason = new Error('stop');
  world.end.abort(reason);
  await expect(world.retry.ask(answerAfter(1))).rejects.toBe(reason);
});

describe('a listing in pages', () => {
  /** A listing of three pages. Each attempt fails after the given number of pages. */
  function breaking(behind: readonly number[]): () => AsyncGenerator<number> {
    let opened = 0;
    return async function* () {
      const last = behind[opened++] ?? 3;
      for (let page = 1; page <= last; page++) yield await Promise.resolve(page);
      if (last < 3) throw failure();
    };
  }

  async function read(open: () => AsyncIterable<number>): Promise<(number | 'again')[]> {
    const seen: (number | 'again')[] = [];
    for await (const page of new World().retry.pages(open, () => seen.push('again'))) seen.push(page);
    return seen;
  }

  test('the listing starts again after a failure, and the caller is notified so that it can reset its counts', async () => {
    expect(await read(breaking([]))).toEqual([1, 2, 3]);
    expect(await read(breaking([2, 0]))).toEqual([1, 2, 'again', 'again', 1, 2, 3]);
  });

  test('a listing that fails in every attempt ends with its error (L11)', async () => {
    const open = breaking(Array.from({length: 1_000}, () => 2));
    await expect(read(open)).rejects.toMatchObject({kind: 'redis-unreachable'});
  });

  test('an error of the code that reads the pages is not retried', async () => {
    const {retry} = new World();
    const readAll = async (): Promise<void> => {
      for await (const page of retry.pages(breaking([]), () => undefined)) if (page === 2) throw failure();
    };
    await expect(readAll()).rejects.toMatchObject({detail: 'Redis does not answer'});
  });
});

test('every kind of request to Redis is retried', async () => {
  const world = new World();
  let isSilent = true;
  const once = <T>(value: T) => {
    return async (): Promise<T> => {
      await Promise.resolve();
      isSilent = !isSilent;
      if (!isSilent) throw failure();
      return value;
    };
  };
  const pages = async function* (): AsyncGenerator<string[]> {
    yield await once(['a'])();
  };
  const redis: RedisHost = {
    run: once('text'),
    hashes: once([{}]),
    texts: once(['4']),
    getAll: once(['1']),
    scores: once(['2']),
    hash: once({x: '3'}),
    types: once(['none']),
    memberCount: once(7),
    keys: pages,
    members: pages,
  };
  const patient = retryingRedis(redis, world.retry);
  expect(await patient.run(ORDER_TEXTS, 'k', [])).toBe('text');
  expect(await patient.hashes(['k'])).toEqual([{}]);
  expect(await patient.texts(['k'])).toEqual(['4']);
  expect(await patient.getAll(['k'])).toEqual(['1']);
  expect(await patient.scores('k', ['m'])).toEqual(['2']);
  expect(await patient.hash('k')).toEqual({x: '3'});
  expect(await patient.types(['k'])).toEqual(['none']);
  expect(await patient.memberCount('k')).toBe(7);
  for (const source of [patient.keys(), patient.members('k')]) {
    const found: (readonly string[])[] = [];
    for await (const page of source) found.push(page);
    expect(found).toEqual([['a']]);
  }
});

test('a broken connection to MySQL is opened again', async () => {
  const {retry} = new World();
  let connections = 0;
  const mysql: MysqlHost & {isConnected: boolean; connect(): Promise<void>} = {
    isConnected: false,
    connect: async () => {
      await Promise.resolve();
      if (connections++ === 0) throw failure('mysql-unreachable');
      mysql.isConnected = true;
    },
    consistentSnapshot: async (work) => {
      // The second connection breaks too.
      if (connections === 2) {
        mysql.isConnected = false;
        throw failure('mysql-unreachable');
      }
      return await work(async () => await Promise.resolve([{id: '1'}]));
    },
    async *stream() {
      await Promise.resolve();
      yield [{id: '2'}];
    },
  };
  const patient = retryingMysql(mysql, retry);
  expect(await patient.consistentSnapshot(async (ask) => await ask('SELECT', []))).toEqual([{id: '1'}]);
  expect(connections).toBe(3);
  mysql.isConnected = false;
  for await (const rows of patient.stream('SELECT', 10)) expect(rows).toEqual([{id: '2'}]);
  expect(connections).toBe(4);
});
