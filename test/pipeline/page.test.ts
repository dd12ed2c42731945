/**
 * The live page of a real worker in a real browser. The group id contains hostile HTML, as an attacker
 * would choose it.
 */
import type {Browser} from 'playwright-core';
import {freePorts} from '../../stack/ports.js';
import type {HistoryAnswer, StatusAnswer} from '../../src/observe/statusAnswer.js';
import {OpenPage, openBrowser, whyNoBrowser} from '../support/browser.js';
import {OwnShop} from '../support/ownShop.js';
import {chosenSeed} from '../support/random.js';
import {whyNoOwnRedis} from '../support/redisServer.js';
import {until} from '../support/until.js';

const whyNot = whyNoBrowser() ?? whyNoOwnRedis();
if (whyNot !== undefined) process.stderr.write(`skipped: the live page. ${whyNot}\n`);

const GROUP = `page<img src=x onerror="document.body.textContent='broken'"><script>alert(1)</script>`;

let shop: OwnShop;
let browser: Browser;
let url: string;

async function opened(): Promise<OpenPage> {
  return await OpenPage.open(browser, url);
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
