/** The live page of a real worker in a real browser. The group's name is hostile text, as an attacker would choose it. */
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
    () => `${String(text)} in #${id}, which says "${found}"`,
    60_000,
  );
}

async function history(): Promise<HistoryAnswer<string>['points']> {
  return ((await (await fetch(`${url}history`)).json()) as HistoryAnswer<string>).points;
}

/** Without the commas between the digits; what is not known is null. */
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

  test('shows the numbers of /status under load; asks no other host, and nothing is refused or complained about', async () => {
    const open = await opened();
    let notified: StatusAnswer<string> | undefined;
    open.page.on('response', (response) => {
      if (!response.url().endsWith('/status')) return;
      void response.json().then((status: StatusAnswer<string>) => (notified = status));
    });
    await seen(open, 'verdict-title', 'Ready');
    await shop.whileTrading(async () => {
      await seen(open, 'rate', /^[1-9]/);
      // Between an answer and its place on the page is a moment in which they differ.
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

  test('a reload shows the last minutes again, since the worker keeps them', async () => {
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
    // The page itself has seen one moment; all others are the worker's.
    const known = kept.filter(({lagRecords}) => lagRecords !== null);
    expect(path.match(/[ML]/g)?.length).toBeGreaterThan(known.length);
    await open.close();
  });

  test('text of others is text: no element and no script comes of it, and the browser would refuse both', async () => {
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

  test('Redis stopped: not ready, with the reason; ready again when it is back', async () => {
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

  test('the worker killed: the page says for how long there is no answer; another one on the same port: it goes on', async () => {
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
    // What the page knew of the worker before is still drawn.
    const drawn = (await open.page.getAttribute('#lag-curve .line', 'd'))?.match(/[ML]/g)?.length;
    expect(drawn).toBeGreaterThan((await history()).length + 1);
    // The browser itself tells of each answer that did not come, and of nothing else.
    expect(open.complaints.filter((text) => !text.includes('ERR_CONNECTION_REFUSED'))).toEqual([]);
    await open.close();
  });

  test.each([
    ['a phone', {width: 390, height: 844}],
    ['a desk', {width: 1280, height: 900}],
  ])('on %s nothing is wider than the window', async (_, viewport) => {
    const open = await OpenPage.open(browser, url, {viewport});
    await seen(open, 'verdict-title', 'Ready');
    expect(await open.page.evaluate('document.documentElement.scrollWidth')).toBe(viewport.width);
    await open.close();
  });
});
