/** The answers about the shop: `/shop` and `/shop/orders/{id}`, their bounds, and the default of PROJECTOR_PAGE_SHOP. */
import {isLoopback, LentConnection, pageShop, shopSource, type LentRedis} from '../../src/cli/pageShop.js';
import {readConfig} from '../../src/config/readConfig.js';
import {HttpServer} from '../../src/observe/http.js';
import {shopRoutes, type ShopSource} from '../../src/observe/shopRoutes.js';
import type {OrderContent, ShopContent} from '../../src/observe/shopAnswer.js';
import {ProjectorError} from '../../src/runtime/errors.js';
import type {Clock} from '../../src/runtime/lifecycle.js';
import {requireAnswers} from '../support/jsonAnswers.js';

const SHOP: ShopContent = {
  totals: {orders: '2', units: '7', revenue: '45.99'},
  bestSellers: [{productId: 'SKU%201', unitsSold: '7'}],
  topSpenders: [{userId: '7', spent: '45.99'}],
};
const ORDER: OrderContent = {
  found: true,
  id: '7',
  order: {id: '7', total_amount: '45.99'},
  items: [],
  note: null,
};

interface Served {
  readonly get: (path: string, host?: string) => Promise<{status: number; body: unknown}>;
}

/** A fetch cannot set the `Host` header, so the requests go to the routes. Paths are resolved by a server in one test. */
function served(
  source: Partial<ShopSource>,
  {nowMs = () => 0, isLocal = true}: {nowMs?: () => number; isLocal?: boolean} = {},
): Served {
  const whole = {
    shop: async () => Promise.resolve(SHOP),
    order: async () => Promise.resolve(ORDER),
    ...source,
  };
  const routes = shopRoutes({source: whole, nowMs, isLocal});
  return {
    get: async (path, host = '127.0.0.1:9464') => {
      const isOrder = path.startsWith('/shop/orders/');
      const route = routes[isOrder ? '/shop/orders/{id}' : path]!;
      const {status, body} = await route({host, id: isOrder ? path.slice('/shop/orders/'.length) : ''});
      const found = isOrder ? 'shop-order' : 'shop';
      requireAnswers(status === 200 || status === 404 ? found : 'shop-failure', body);
      return {status, body: JSON.parse(body)};
    },
  };
}

const AT = '1970-01-01T00:00:00.000Z';

test('/shop returns the report with the time at which it was read', async () => {
  expect(await served({}).get('/shop')).toEqual({status: 200, body: {at: AT, ...SHOP}});
});

test('an answer is kept for a second, and browsers that ask at the same time share one read (L16)', async () => {
  let now = 0;
  let reads = 0;
  const release: (() => void)[] = [];
  const shop = async (): Promise<ShopContent> => {
    reads++;
    await new Promise<void>((resolve) => release.push(resolve));
    return SHOP;
  };
  const {get} = served({shop}, {nowMs: () => now});
  const first = [get('/shop'), get('/shop'), get('/shop')];
  now = 5_000;
  const late = get('/shop');
  expect(reads).toBe(1);
  release.pop()!();
  expect(new Set((await Promise.all([...first, late])).map(({status}) => status))).toEqual(new Set([200]));
  now = 5_999;
  await get('/shop');
  expect(reads).toBe(1);
  for (const later of [6_000, 1_000]) {
    now = later;
    const next = get('/shop');
    release.pop()!();
    await next;
  }
  // The last time is earlier, because the system clock was set back.
  expect(reads).toBe(3);
});

test('one order is read at a time, 20 wait, and one more is rejected with status 503 (L16)', async () => {
  const release: (() => void)[] = [];
  const order = async (): Promise<OrderContent> => {
    await new Promise<void>((resolve) => release.push(resolve));
    return ORDER;
  };
  const {get} = served({order});
  const running = get('/shop/orders/0');
  await Promise.resolve();
  await Promise.resolve();
  expect(release.length).toBe(1);
  const waiting = Array.from({length: 20}, async (_, index) => await get(`/shop/orders/${index}`));
  expect(await get('/shop/orders/99')).toMatchObject({status: 503, body: {kind: 'redis-unreachable'}});
  let most = 0;
  for (let ended = 0; ended < 21; ended++) {
    most = Math.max(most, release.length);
    release.pop()!();
    await new Promise(setImmediate);
  }
  await Promise.all([running, ...waiting]);
  expect(most).toBe(1);
});

test.each([
  ['/shop/orders/7', '7'],
  ['/shop/orders/-9007199254740993', '-9007199254740993'],
  ['/shop/orders/a%3Ab', 'a%3Ab'],
  ['/shop/orders/a%253Ab', 'a%3Ab'],
  ['/shop/orders/2026%2F7', '2026%2F7'],
  ['/shop/orders/%3Cimg%20src=x%3E', '%3Cimg%20src%3Dx%3E'],
  ['/shop/orders/%00%0A', '%00%0A'],
])('the path %s reads the order %s', async (path, id) => {
  const asked: string[] = [];
  const order = async (given: string): Promise<OrderContent> => {
    asked.push(given);
    return Promise.resolve({...ORDER, id: given});
  };
  expect(await served({order}).get(path)).toMatchObject({status: 200, body: {found: true, id}});
  expect(asked).toEqual([id]);
});

test.each(['/shop/orders/', '/shop/orders/%', '/shop/orders/%FF', '/shop/orders/7%2'])(
  'the path %s has no id: status 400, and Redis is not read',
  async (path) => {
    const order = async (): Promise<OrderContent> => await Promise.reject(new Error('read'));
    expect(await served({order}).get(path)).toEqual({
      status: 400,
      body: {
        at: AT,
        kind: 'request-invalid',
        reason: 'the path must end with the id of an order, percent-encoded, as in /shop/orders/1',
      },
    });
  },
);

test('an order that does not exist gives status 404, with the line items that wait for it', async () => {
  const missing = {found: false, id: '8', note: 'order 8: not found in Redis'};
  const {get} = served({order: async () => Promise.resolve(missing)});
  expect(await get('/shop/orders/8')).toEqual({status: 404, body: {at: AT, ...missing}});
});

test.each([
  ['redis-unreachable', 503],
  ['redis-denied', 503],
  ['read-model-corrupt', 500],
] as const)('the error %s gives status %d with its reason', async (kind, status) => {
  const fails = async (): Promise<never> => await Promise.reject(new ProjectorError(kind, 'why'));
  const {get} = served({shop: fails, order: fails});
  for (const path of ['/shop', '/shop/orders/7'])
    expect(await get(path)).toEqual({status, body: {at: AT, kind, reason: 'why'}});
});

test.each([
  ['127.0.0.1:9464', true],
  ['localhost', true],
  ['worker.localhost:80', true],
  ['[::1]:9464', true],
  ['10.0.0.7:9464', true],
  ['attacker.example:9464', false],
  ['127.0.0.1.attacker.example', false],
  ['localhost.attacker.example', false],
  ['', false],
])('a local worker answers the Host header %p: %p', async (host, isAnswered) => {
  for (const path of ['/shop', '/shop/orders/7'])
    expect((await served({}).get(path, host)).status).toBe(isAnswered ? 200 : 403);
  expect((await served({}, {isLocal: false}).get('/shop', host)).status).toBe(200);
});

test('the server finds the route of an order, and no deeper path', async () => {
  const source = {
    shop: async () => Promise.resolve(SHOP),
    order: async (id: string) => Promise.resolve({...ORDER, id}),
  };
  const server = new HttpServer(shopRoutes({source, nowMs: () => 0, isLocal: true}));
  const port = await server.listen('127.0.0.1', 0);
  try {
    const get = async (path: string): Promise<Response> => await fetch(`http://127.0.0.1:${port}${path}`);
    expect(await (await get('/shop/orders/a%2Fb?x=1')).json()).toMatchObject({id: 'a%2Fb'});
    const statuses = ['/shop', '/shop/orders/', '/shop/orders', '/shop/orders/7/items', '/shop/other'];
    expect(await Promise.all(statuses.map(async (path) => (await get(path)).status))).toEqual([
      200, 400, 404, 404, 404,
    ]);
  } finally {
    await server.close();
  }
});

describe('PROJECTOR_PAGE_SHOP', () => {
  const shopOf = (environment: Readonly<Record<string, string>>) => {
    const config = readConfig({REDIS_URL: 'redis://127.0.0.1:1/0', ...environment}, ['redisUrl']);
    return pageShop(config, new AbortController().signal);
  };

  test.each([
    [{}, true],
    [{PROJECTOR_HTTP_HOST: '::1'}, true],
    [{PROJECTOR_HTTP_HOST: 'localhost'}, true],
    [{PROJECTOR_HTTP_HOST: '0.0.0.0'}, false],
    [{PROJECTOR_HTTP_HOST: '::'}, false],
    [{PROJECTOR_HTTP_HOST: '10.0.0.7'}, false],
    [{PROJECTOR_HTTP_HOST: '0.0.0.0', PROJECTOR_PAGE_SHOP: 'on'}, true],
    [{PROJECTOR_PAGE_SHOP: 'off'}, false],
  ])('with the settings %j the tab exists: %p', (environment, hasShop) => {
    expect(shopOf(environment).hasShop).toBe(hasShop);
  });

  test('when it is off, the answers have status 404 and name the setting', async () => {
    const {routes} = shopOf({PROJECTOR_PAGE_SHOP: 'off'});
    for (const path of ['/shop', '/shop/orders/{id}'])
      expect(await routes[path]!({id: '7', host: ''})).toMatchObject({
        status: 404,
        body: 'the answers about the shop are off; PROJECTOR_PAGE_SHOP=on enables them\n',
      });
  });

  test('only a worker on a loopback address without the setting rejects foreign names', async () => {
    const {routes} = shopOf({});
    expect(await routes['/shop']!({id: '', host: 'attacker.example'})).toMatchObject({
      status: 403,
      body: expect.stringContaining('PROJECTOR_PAGE_SHOP=on') as string,
    });
    const open = shopOf({PROJECTOR_PAGE_SHOP: 'on'});
    expect((await open.routes['/shop']!({id: '', host: 'shop.example'})).status).toBe(503);
  });

  test('a name that begins like a loopback address is none', () => {
    expect(['127.1.2.3', '127.0.0.1.example', '128.0.0.1', ''].map(isLoopback)).toEqual([
      ...[true, false, false, false],
    ]);
  });
});

describe('the connection', () => {
  /** A clock whose sleeps end when the test calls `wake`. */
  function steps(): {clock: Clock; wake: () => Promise<void>} {
    let sleeping: (() => void)[] = [];
    const wake = async (): Promise<void> => {
      for (const done of sleeping.splice(0)) done();
      await new Promise(setImmediate);
    };
    const sleep = async (): Promise<void> => await new Promise((resolve) => sleeping.push(resolve));
    sleeping = [];
    return {clock: {nowMs: () => 0, sleep}, wake};
  }

  class FakeRedis {
    readonly log: string[] = [];
    fails: ProjectorError | undefined;

    open(): LentRedis {
      this.log.push('open');
      const reply = async <T>(name: string, value: T): Promise<T> => {
        this.log.push(name);
        return this.fails === undefined ? await Promise.resolve(value) : await Promise.reject(this.fails);
      };
      return {
        connect: async () => await Promise.resolve(),
        close: () => this.log.push('close'),
        hash: async (key) => await reply(key, {orders: '2', units: '700', revenue: '4599'}),
        highest: async (key, limit) => await reply(`${key} ${limit}`, [{member: 'a%3Ab', score: '250'}]),
        run: async (_, key) =>
          await reply(key, [
            ['hash', ['id', '7', 'items_count', '2']],
            ['string', '71:10:1.00:5.50'],
          ]),
        keysMatching: () => {
          throw new Error('a scan');
        },
        fieldsOfEach: async () => await Promise.reject(new Error('not used')),
        getAll: async () => await Promise.reject(new Error('not used')),
      };
    }
  }

  const SETTINGS = {
    keyPrefix: 'shop:',
    redisLayout: 'single' as const,
    moneyDecimals: 2,
    quantityDecimals: 2,
  };

  test('reads the keys of the prefix with a limit, and prints the decimals as `report` does', async () => {
    const fake = new FakeRedis();
    const source = shopSource(
      SETTINGS,
      new LentConnection(() => fake.open(), steps().clock, new AbortController().signal),
    );
    expect(await source.shop()).toEqual({
      totals: {orders: '2', units: '7.00', revenue: '45.99'},
      bestSellers: [{productId: 'a%3Ab', unitsSold: '2.50'}],
      topSpenders: [{userId: 'a%3Ab', spent: '2.50'}],
    });
    expect(await source.order('7')).toEqual({
      found: true,
      id: '7',
      order: {id: '7', items_count: '2'},
      items: [{id: '71', product_id: '10', quantity: '1.00', amount: '5.50'}],
      note: 'order 7: items_count is 2, but shop:order_lines:7 holds 1 line item: another program has written one of them',
    });
    expect(fake.log.sort()).toEqual(
      [
        'open',
        'shop:report:products 10',
        'shop:report:totals',
        'shop:report:users 10',
        'shop:order:7',
      ].sort(),
    );
  });

  test('is opened by the first read, kept while reads follow, and closed after a pause without one (L16)', async () => {
    const fake = new FakeRedis();
    const {clock, wake} = steps();
    const lent = new LentConnection(() => fake.open(), clock, new AbortController().signal);
    const read = async (): Promise<unknown> => await lent.use(async (redis) => await redis.hash('k'));
    expect(fake.log).toEqual([]);
    await read();
    await read();
    await wake();
    expect(fake.log).toEqual(['open', 'k', 'k']);
    await wake();
    expect(fake.log).toEqual(['open', 'k', 'k', 'close']);
    await read();
    expect(fake.log.slice(4)).toEqual(['open', 'k']);
  });

  test('is closed after an error and by the end of the worker, but not because of a corrupt key', async () => {
    const fake = new FakeRedis();
    const end = new AbortController();
    const lent = new LentConnection(() => fake.open(), steps().clock, end.signal);
    const read = async (): Promise<unknown> => await lent.use(async (redis) => await redis.hash('k'));
    fake.fails = new ProjectorError('read-model-corrupt', 'a key');
    await expect(read()).rejects.toThrow('a key');
    expect(fake.log).toEqual(['open', 'k']);
    fake.fails = new ProjectorError('redis-unreachable', 'away');
    await expect(read()).rejects.toThrow('away');
    expect(fake.log).toEqual(['open', 'k', 'k', 'close']);
    fake.fails = undefined;
    await read();
    end.abort();
    expect(fake.log.slice(4)).toEqual(['open', 'k', 'close']);
  });
});
