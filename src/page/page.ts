/** Requests the status from the worker once a second and shows it. If no answer arrives, the page shows that instead. */
import type {HistoryAnswer} from '../observe/statusAnswer.js';
import {ask, NoAnswer} from './ask.js';
import {lagSamples, merged, rateSamples, type Point} from './curve.js';
import {
  clockTime,
  Curve,
  part,
  say,
  show,
  showEvents,
  showList,
  showPairs,
  showPartitions,
  tone,
  when,
  type Pair,
} from './panels.js';
import {ShopTab} from './shop.js';
import {Tabs} from './tabs.js';
import {
  count,
  counted,
  auditWords,
  freshnessTone,
  headline,
  rate,
  secondsBetween,
  span,
  stateText,
  tabTitle,
  type Status,
} from './wording.js';

const ASK_EVERY_MS = 1_000;
const HISTORY_EVERY_MS = 5_000;

const curves = {
  lag: new Curve('lag-curve', (value) => counted(Math.round(value), 'record')),
  rate: new Curve('rate-curve', (value) => `${rate(value)} per second`),
};

const shop = new ShopTab();
const tabs = new Tabs((name) => shop.opened(name === 'shop'));

/** The next three times come from `performance.now()`, which is monotonic. A change of the system clock does not affect it. */
let answeredMs: number | undefined;
let historyMs = -Infinity;
const openedMs = performance.now();
let isSilent = false;
/** The points of all workers that have answered this page. So the curves keep their past when a worker restarts. */
let points: readonly Point[] = [];
let pageVersion: string | undefined;

async function look(): Promise<void> {
  const status = await ask<Status>('status');
  // A worker of another version serves another page.
  if (pageVersion !== undefined && pageVersion !== status.version) location.reload();
  pageVersion = status.version;
  const nowMs = Date.parse(status.now);
  if (isSilent || performance.now() - historyMs >= HISTORY_EVERY_MS) {
    const history = await ask<HistoryAnswer<string>>('history');
    points = merged(points, history.points, nowMs);
    historyMs = performance.now();
  }
  showStatus(status);
  showCurves(status, nowMs);
  answeredMs = performance.now();
}

function showSilence(): void {
  show('silence', isSilent);
  document.body.toggleAttribute('data-silent', isSilent);
  if (!isSilent) return;
  say('silent-for', span(Math.max(1, Math.round((performance.now() - (answeredMs ?? openedMs)) / 1_000))));
  say('verdict-title', 'The worker does not respond');
  say('state', 'The page shows the last status that it received.');
  const last = answeredMs === undefined ? '' : `The values below are from ${part('told').textContent}. `;
  say('silence-says', `${last}The page retries once a second.`);
  tone('verdict', 'bad');
  showList('reasons', []);
  document.title = `No response · ${part('group').textContent} · order projector`;
}

function showStatus(status: Status): void {
  const {tone: its, title, reasons} = headline(status);
  tone('verdict', its);
  say('verdict-title', title);
  say('state', stateText(status.state));
  showList('reasons', reasons);
  document.title = tabTitle(status);
  tabs.offer(status.hasShop);
  show('shop-link', status.hasShop);
  say('group', status.group);
  say('topic', status.topic);
  say('version', status.version);
  say(
    'started',
    `${when(status.started)} (${span(Math.floor(secondsBetween(status.started, status.now)))} ago)`,
  );
  say('told', clockTime(status.now));
  showTiles(status);
  showPartitions(status.partitions);
  showPairs('servers', servers(status));
  showPairs('records', records(status));
  const ago = (iso: string): string => `for ${span(Math.floor(secondsBetween(iso, status.now)))}`;
  showEvents(
    'troubles',
    status.troubles.map((trouble) => ({...trouble, when: ago(trouble.since)})),
  );
  showEvents(
    'errors',
    status.errors.map((error) => ({...error, when: when(error.at)})),
  );
}

function showTiles(status: Status): void {
  const {lagRecords, lagSeconds, newestApplied, records: sums} = status;
  say('lag', count(lagRecords));
  say('lag-time', lagSeconds === null ? 'lag in time: unknown' : `lag in time: ${span(lagSeconds)}`);
  say('freshness', span(status.freshnessSeconds));
  tone('freshness-tile', freshnessTone(status));
  const isOld = freshnessTone(status) === 'warn';
  const changed = newestApplied === null ? 'no change applied' : `newest change at ${when(newestApplied)}`;
  say('freshness-says', isOld ? `${changed}; check the connector` : changed);
  say('applied-total', count(sums.applied));
  say('quarantined', count(sums.quarantined));
  tone('quarantine-tile', sums.quarantined > 0 ? 'warn' : 'good');
  say(
    'quarantine-says',
    sums.quarantined > 0 ? 'since the worker started; see projector dlq list' : 'since the worker started',
  );
}

function servers({kafkaUp, redisUp, connector, audit}: Status): Pair[] {
  const up = (name: string, isUp: boolean): Pair => [
    name,
    isUp ? 'available' : 'not available',
    isUp ? 'good' : 'bad',
  ];
  const upstream: Pair =
    connector === null
      ? ['Connector', 'not checked: CONNECT_URL is not set']
      : [`Connector ${connector.name}`, connector.state, connector.state === 'RUNNING' ? 'good' : 'bad'];
  return [up('Kafka', kafkaUp), up('Redis', redisUp), upstream, ['Audit', ...auditWords(audit, when)]];
}

function records({records: sums, rebalances}: Status): Pair[] {
  return [
    ['Applied', count(sums.applied)],
    ['Duplicates', count(sums.duplicate)],
    ['Ignored', count(sums.ignored)],
    sums.quarantined > 0 ? ['Quarantined', count(sums.quarantined), 'warn'] : ['Quarantined', '0'],
    ['Position resets', count(sums.positionResets)],
    ['Rejected writes', count(sums.rejectedWrites)],
    ['Rebalances', count(rebalances)],
  ];
}

function showCurves(status: Status, nowMs: number): void {
  const {lagRecords, records: sums, ready} = status;
  const startedMs = Date.parse(status.started);
  const latest: Point = {atMs: nowMs, startedMs, lagRecords, applied: sums.applied, isReady: ready.isWell};
  const shown = [...merged(points, [], nowMs), latest];
  const rates = rateSamples(shown);
  curves.lag.show(lagSamples(shown), shown, nowMs);
  curves.rate.show(rates, shown, nowMs);
  say('rate', rate(rates.at(-1)?.value ?? null));
}

async function watch(): Promise<never> {
  for (;;) {
    try {
      await look();
      isSilent = false;
    } catch (error) {
      isSilent = true;
      // An error of another class is not a network failure. It is a defect: the page cannot show this answer.
      if (!(error instanceof NoAnswer)) reportError(error);
    }
    showSilence();
    await new Promise((resolve) => setTimeout(resolve, ASK_EVERY_MS));
  }
}

void watch();
