/**
 * The live page of a real worker in a real browser. The group id contains hostile HTML, as an attacker
 * would choose it.
 */
import type {RowDataPacket} from 'mysql2/promise';
import type {Browser} from 'playwright-core';
import {freePorts} from '../../stack/ports.js';
import {idOfText} from '../../src/domain/id.js';
import type {OrderContent, ShopContent} from '../../src/observe/shopAnswer.js';
import {grouped} from '../../src/page/shopWording.js';
import type {HistoryAnswer, StatusAnswer} from '../../src/observe/statusAnswer.js';
import {OpenPage, openBrowser, whyNoBrowser} from '../support/browser.js';
import {endedWithJson, OwnShop} from '../support/ownShop.js';
import {chosenSeed} from '../support/random.js';
import {whyNoOwnRedis} from '../support/redisServer.js';
import {until} from '../support/until.js';

const whyNot = whyNoBrowser() ?? whyNoOwnRedis();
if (whyNot !== undefined) process.stderr.write(`skipped: the live page. ${whyNot}\n`);

const HOSTILE_ORDER = `a/b <img src=x onerror="document.body.textContent='broken'">`;
const GROUP = `page<img src=x onerror="document.body.textContent='broken'"><script>alert(1)</script>`;

let shop: OwnShop;
let browser: Browser;
let url: string;

async function opened(): Promise<OpenPage> {
  return await OpenPage.open(browser, url);
}

async function openedShop(): Promise<OpenPage> {
  return await OpenPage.open(browser, `${url}#shop`);
}

async function find(open: OpenPage, id: string): Promise<void> {
  await open.page.fill('#order-id', id);
  await open.page.press('#order-id', 'Enter');
}

/** What the tab Shop shows, in the form of `projector report --json`. */
async function reportOf(open: OpenPage): Promise<ShopContent> {
  const [orders = '', units = '', revenue = ''] = await Promise.all(
    ['orders', 'units', 'revenue'].map(async (id) => plainNumber(await open.text(id)) ?? ''),
  );
  const bars = async (id: string): Promise<[string, string][]> => {
    const [names, values] = await Promise.all(
      ['name', 'value'].map(async (part) => await open.page.locator(`#${id} .${part}`).allTextContents()),
    );
    return (names ?? []).map((name, index) => [name, plainNumber(values?.[index]) ?? '']);
  };
  return {
    totals: {orders, units, revenue},
    bestSellers: (await bars('best-sellers')).map(([productId, unitsSold]) => ({productId, unitsSold})),
    topSpenders: (await bars('top-spenders')).map(([userId, spent]) => ({userId, spent})),
  };
}

async function seen(open: OpenPage, id: string, text: string | RegExp): Promise<string> {
  let found = '';
  return await until(
    async () => {
      found = await open.text(id);
      const isIt = typeof text === 'string' ? found === text : text.test(found);
      return isIt && found;
    },
    () => `${String(text)} in #${id}, which shows "${found}"`,
    60_000,
  );
}

async function history(): Promise<HistoryAnswer<string>['points']> {
  return ((await (await fetch(`${url}history`)).json()) as HistoryAnswer<string>).points;
}

/** Removes the commas between the digits. Returns null for an unknown number. */
function plainNumber(text: string | undefined): string | null {
  return text === '–' ? null : (text ?? '').replaceAll(',', '');
}

async function numbersOf(open: OpenPage): Promise<object> {
  const [lag, applied, quarantined] = await Promise.all(
    ['lag', 'applied-total', 'quarantined'].map(async (id) => plainNumber(await open.text(id))),
  );
  const rows = await open.rows('partitions');
  return {lag, applied, quarantined, partitions: rows.map((row) => row.slice(0, 5).map(plainNumber))};
}

function numbersIn({lagRecords, records, partitions}: StatusAnswer<string>): object {
  return {
    lag: lagRecords,
    applied: String(records.applied),
    quarantined: String(records.quarantined),
    partitions: partitions.map(({partition, position, end, lagRecords: lag, committed}) => [
      ...[String(partition), position, end, lag, committed],
    ]),
  };
}

(whyNot === undefined ? describe : describe.skip)('the page', () => {
  beforeAll(async () => {
    const [port] = await freePorts(1);
    url = `http://127.0.0.1:${String(port)}/`;
    const settings = {PROJECTOR_HTTP_PORT: String(port), KAFKA_GROUP_ID: GROUP};
    const browserOpens = openBrowser();
    shop = await OwnShop.open('page', {base: 9_700_000, seed: chosenSeed(), settings});
    browser = await browserOpens;
  }, 180_000);
  afterAll(async () => {
    await browser.close();
    await shop.close();
  });

  test('the page shows the numbers of /status under load, sends no request to another host, and causes no browser error', async () => {
    const open = await opened();
    let notified: StatusAnswer<string> | undefined;
    open.page.on('response', (response) => {
      if (!response.url().endsWith('/status')) return;
      // The page can close before this answer is read. The test waits for the answers that it needs.
      const keep = (status: StatusAnswer<string>): unknown => (notified = status);
      void response.json().then(keep, () => undefined);
    });
    await seen(open, 'verdict-title', 'Ready');
    await shop.whileTrading(async () => {
      await seen(open, 'rate', /^[1-9]/);
      // After a response arrives, the page shows the previous numbers for a moment.
      let differ = '';
      await until(
        async () => {
          const shown = JSON.stringify(await numbersOf(open));
          const wanted = notified === undefined ? '' : JSON.stringify(numbersIn(notified));
          differ = `${shown}\nfor ${wanted}`;
          return shown === wanted && notified?.partitions.length === 6;
        },
        () => `the numbers of /status on the page, which shows ${differ}`,
      );
    });
    expect(notified?.records.applied).toBeGreaterThan(100);
    expect(await open.page.getAttribute('#lag-curve .line', 'd')).toMatch(/^M\d/);
    expect(await open.page.getAttribute('#rate-curve svg', 'aria-label')).toMatch(/^curve from \d/);
    expect([...open.origins]).toEqual([new URL(url).origin]);
    expect(open.complaints).toEqual([]);
    await open.close();
  });

  test('a page that is reloaded shows the last minutes again, because the worker keeps them', async () => {
    const kept = await until(
      async () => {
        const points = await history();
        return points.filter(({lagRecords}) => lagRecords !== null).length > 1 && points;
      },
      () => 'two points with a lag in /history',
    );
    const open = await opened();
    await seen(open, 'verdict-title', 'Ready');
    const path = (await open.page.getAttribute('#lag-curve .line', 'd')) ?? '';
    // The page itself has read one point. All other points come from the history of the worker.
    const known = kept.filter(({lagRecords}) => lagRecords !== null);
    expect(path.match(/[ML]/g)?.length).toBeGreaterThan(known.length);
    await open.close();
  });

  test('hostile text is shown as text and creates no element and no script, and the browser would block both', async () => {
    const open = await opened();
    expect(await seen(open, 'group', GROUP)).toBe(GROUP);
    expect(await open.page.title()).toContain(GROUP);
    expect(await open.page.locator('img').count()).toBe(1);
    expect(await open.page.locator('script').count()).toBe(1);
    const refused = await open.page.evaluate(`(() => {
      try { document.body.innerHTML = '<p>'; return 'allowed'; } catch (error) { return error.name; }
    })()`);
    expect(refused).toBe('TypeError');
    const {headers} = await fetch(url);
    expect(headers.get('content-security-policy')).toMatch(/^default-src 'none'; script-src 'self';/);
    expect(headers.get('content-security-policy')).not.toContain('unsafe');
    expect((await fetch(url, {method: 'POST'})).status).toBe(405);
    await open.close();
  });

  describe('the tab Shop', () => {
    test('shows the numbers of `projector report` while the shop trades, and follows them', async () => {
      const open = await openedShop();
      await seen(open, 'orders', /^[1-9]/);
      await shop.whileTrading(async () => {
        await seen(open, 'orders-change', /^[+−]/);
      });
      await shop.applied();
      const {json} = await endedWithJson(shop.command(['report', '--json']));
      let shown = '';
      await until(
        async () => (shown = JSON.stringify(await reportOf(open))) === JSON.stringify(json),
        () => `${JSON.stringify(json)} on the page, which shows ${shown}`,
      );
      expect((json as ShopContent).bestSellers).toHaveLength(10);
      expect(await open.page.getAttribute('#orders-curve .line', 'd')).toMatch(/^M\d/);
      expect([...open.origins]).toEqual([new URL(url).origin]);
      expect(open.complaints).toEqual([]);
      await open.close();
    });

    test('finds an order with its line items, and says that an order does not exist', async () => {
      const [[row]] = await shop.mysql.query<(RowDataPacket & {id: string; n: string})[]>(
        'SELECT order_id AS id, COUNT(*) AS n FROM order_items JOIN orders ON orders.id = order_id GROUP BY order_id ORDER BY n DESC LIMIT 1',
      );
      const {json} = await endedWithJson(shop.command(['orders', 'show', row!.id, '--json']));
      const {order, items} = json as OrderContent;
      const open = await openedShop();
      await find(open, ` ${row!.id} `);
      await seen(open, 'order-says', `This is order ${row!.id}.`);
      expect(await open.text('order-fields')).toContain(`Amount${grouped(order?.['total_amount'] ?? '')}`);
      expect(await open.rows('order-items')).toEqual(
        items?.map(({id, product_id: product, quantity}) => [id, product, quantity]),
      );
      expect(items).toHaveLength(Number(row!.n));
      expect(open.complaints).toEqual([]);
      await find(open, '404');
      await seen(open, 'order-says', 'There is no order 404 in Redis.');
      expect(await open.isShown('order-found')).toBe(false);
      // The browser reports each answer with status 404. It must report nothing else.
      expect(open.complaints.filter((text) => !text.includes('status of 404'))).toEqual([]);
      await open.close();
    });

    test('shows hostile text as text: in the ids of the lists, and in the id and the fields of an order', async () => {
      const id = idOfText(HOSTILE_ORDER);
      const {redis, prefix} = shop;
      // The tables of this shop have numbers as ids. So the test writes what a worker writes for texts.
      await redis.zadd(`${prefix}report:products`, '999999999', id);
      await redis.hset(`${prefix}order:${id}`, {
        id,
        user_id: id,
        total_amount: '1.00',
        items_count: '1',
        note: GROUP,
      });
      await redis.set(`${prefix}order_lines:${id}`, `1:${id}:2`);
      try {
        const open = await openedShop();
        await seen(open, 'best-sellers', /onerror/);
        expect(await open.page.locator('#best-sellers .name').first().textContent()).toBe(HOSTILE_ORDER);
        await find(open, HOSTILE_ORDER);
        await seen(open, 'order-says', `This is order ${HOSTILE_ORDER}.`);
        expect(await open.text('order-fields')).toContain(`Buyer${HOSTILE_ORDER}`);
        expect(await open.text('order-fields')).toContain(`note${GROUP}`);
        expect(await open.rows('order-items')).toEqual([['1', HOSTILE_ORDER, '2']]);
        expect(await open.page.locator('img').count()).toBe(1);
        expect(await open.page.locator('script').count()).toBe(1);
        expect(await open.page.evaluate('document.documentElement.scrollWidth')).toBe(1280);
        expect(open.complaints).toEqual([]);
        await open.close();
      } finally {
        await redis.zrem(`${prefix}report:products`, id);
        await redis.del(`${prefix}order:${id}`, `${prefix}order_lines:${id}`);
      }
    });

    test('opens by keyboard and by its URL, and the worker answers /shop only while the tab is open', async () => {
      const open = await opened();
      let reads = 0;
      open.page.on('request', (request) => (reads += request.url().endsWith('/shop') ? 1 : 0));
      await seen(open, 'verdict-title', 'Ready');
      await open.page.focus('#tab-worker');
      expect(reads).toBe(0);
      await open.page.keyboard.press('ArrowRight');
      expect(await open.page.evaluate('[location.hash, document.activeElement.id]')).toEqual([
        '#shop',
        'tab-shop',
      ]);
      await seen(open, 'orders', /^[1-9]/);
      expect(await open.isShown('worker-panel')).toBe(false);
      expect(await open.page.getAttribute('#tab-shop', 'aria-selected')).toBe('true');
      await open.page.keyboard.press('Home');
      expect(await open.isShown('worker-panel')).toBe(true);
      await open.page.goBack();
      expect(await open.isShown('shop-panel')).toBe(true);
      expect(open.complaints).toEqual([]);
      await open.close();
    });

    test('says that Redis is not available, and shows the numbers again after Redis has returned', async () => {
      const open = await openedShop();
      await seen(open, 'orders', /^[1-9]/);
      await shop.own.stop();
      try {
        await seen(open, 'shop-failure-title', /^Redis is not available; the numbers below are from \d\d:/);
        expect(await open.text('shop-failure-reason')).toMatch(/^redis-unreachable: Redis at redis:/);
        await find(open, '1');
        await seen(open, 'order-says', /^Redis is not available\. redis-unreachable: /);
      } finally {
        await shop.own.start();
      }
      await until(
        async () => !(await open.isShown('shop-failure')),
        () => 'the numbers of the shop after Redis has returned',
        60_000,
      );
      expect(open.complaints.filter((text) => !text.includes('status of 503'))).toEqual([]);
      await seen(open, 'verdict-title', 'Ready');
      await open.close();
    });

    test('is missing if PROJECTOR_PAGE_SHOP is off, and /shop names the setting', async () => {
      const [port] = await freePorts(1);
      const address = `http://127.0.0.1:${String(port)}/`;
      const settings = {PROJECTOR_HTTP_PORT: String(port), PROJECTOR_PAGE_SHOP: 'off', KAFKA_GROUP_ID: 'off'};
      const worker = shop.command(['run'], settings);
      try {
        await until(
          async () => (await fetch(`${address}livez`).catch(() => undefined))?.ok === true,
          () => 'a worker with PROJECTOR_PAGE_SHOP=off',
          60_000,
        );
        const open = await OpenPage.open(browser, `${address}#shop`);
        await seen(open, 'group', 'off');
        expect(await open.isShown('tabs')).toBe(false);
        expect(await open.isShown('worker-panel')).toBe(true);
        expect(await open.isShown('shop-panel')).toBe(false);
        expect(open.complaints).toEqual([]);
        await open.close();
        const answer = await fetch(`${address}shop`);
        expect([answer.status, await answer.text()]).toEqual([
          404,
          expect.stringContaining('PROJECTOR_PAGE_SHOP'),
        ]);
      } finally {
        await worker.end('SIGTERM');
      }
    });

    test.each([390, 1280])('is not wider than a window of %d pixels, with an order open', async (width) => {
      const open = await OpenPage.open(browser, `${url}#shop`, {viewport: {width, height: 900}});
      await seen(open, 'orders', /^[1-9]/);
      const [[row]] = await shop.mysql.query<(RowDataPacket & {id: string})[]>(
        'SELECT MAX(id) AS id FROM orders',
      );
      await find(open, row!.id);
      await seen(open, 'order-says', `This is order ${row!.id}.`);
      expect(await open.page.evaluate('document.documentElement.scrollWidth')).toBe(width);
      await open.close();
    });
  });

  test('the page shows "Not ready" with the reason while Redis is stopped, and "Ready" after Redis has returned', async () => {
    const open = await opened();
    await seen(open, 'verdict-title', 'Ready');
    await shop.own.stop();
    try {
      await seen(open, 'verdict-title', 'Not ready');
      expect(await seen(open, 'reasons', /redis-/)).toContain('redis-unreachable');
      expect(await seen(open, 'servers', /Redisnot available/)).toContain('Kafkaavailable');
      expect(await open.text('troubles')).toContain('redis-unreachable');
      expect(await open.page.title()).toMatch(/^Not ready/);
      expect(await open.isShown('silence')).toBe(false);
    } finally {
      await shop.own.start();
    }
    await seen(open, 'verdict-title', 'Ready');
    expect(await open.text('reasons')).toBe('');
    expect(await seen(open, 'errors', /redis-/)).toContain('redis-unreachable');
    expect(open.complaints).toEqual([]);
    await open.close();
  });

  test('the page shows how long a killed worker has not responded, and continues when another one uses the same port', async () => {
    const open = await opened();
    await seen(open, 'verdict-title', 'Ready');
    const before = await open.text('started');
    await shop.worker.end('SIGKILL');
    await seen(open, 'verdict-title', 'The worker does not respond');
    await seen(open, 'silent-for', /^[2-9] s$|^\d\d s$/);
    expect(await open.isShown('silence')).toBe(true);
    expect(await open.page.title()).toMatch(/^No response/);
    shop.startAgain();
    await seen(open, 'verdict-title', 'Ready');
    expect(await open.isShown('silence')).toBe(false);
    expect(await open.text('started')).not.toBe(before);
    // The page still draws the points that it received from the previous worker.
    const drawn = (await open.page.getAttribute('#lag-curve .line', 'd'))?.match(/[ML]/g)?.length;
    expect(drawn).toBeGreaterThan((await history()).length + 1);
    // The browser reports each failed request. It must report nothing else.
    expect(open.complaints.filter((text) => !text.includes('ERR_CONNECTION_REFUSED'))).toEqual([]);
    await open.close();
  });

  test.each([
    ['a phone', {width: 390, height: 844}],
    ['a desktop', {width: 1280, height: 900}],
  ])('on %s the page is not wider than the window', async (_, viewport) => {
    const open = await OpenPage.open(browser, url, {viewport});
    await seen(open, 'verdict-title', 'Ready');
    expect(await open.page.evaluate('document.documentElement.scrollWidth')).toBe(viewport.width);
    await open.close();
  });
});
