/** The tab Shop: requests the shop from the worker every 2 s while the tab is open and visible, and single orders on request. */
import type {OrderAnswer, ShopAnswer, ShopFailure} from '../observe/shopAnswer.js';
import {askShop, NoAnswer} from './ask.js';
import {part, say, show, when} from './panels.js';
import {sayInsteadOfOrder, showBars, showOrder, Sparkline} from './shopPanels.js';
import {changeWords, grouped, samplesOf, withPoint, type ShopPoint, type Total} from './shopWording.js';

const ASK_EVERY_MS = 2_000;
const TOTALS: readonly Total[] = ['orders', 'units', 'revenue'];

export class ShopTab {
  readonly #sparklines = TOTALS.map((total) => [total, new Sparkline(`${total}-curve`)] as const);
  /** What this page has read. The worker keeps no history of the shop, because it reads only while somebody looks. */
  #points: readonly ShopPoint[] = [];
  #isOpen = false;
  #isAsking = false;
  #timer: number | undefined;
  #orderAsked = 0;

  constructor() {
    document.addEventListener('visibilitychange', () => void this.#look());
    part('order-form').addEventListener('submit', (event) => {
      event.preventDefault();
      void this.#findOrder();
    });
  }

  opened(isOpen: boolean): void {
    this.#isOpen = isOpen;
    void this.#look();
  }

  async #look(): Promise<void> {
    if (!this.#isOpen || document.hidden || this.#isAsking) return;
    clearTimeout(this.#timer);
    this.#isAsking = true;
    try {
      const {status, body} = await askShop('shop');
      if (status === 200) this.#show(body as ShopAnswer);
      else this.#showFailure(status, body as ShopFailure);
    } catch (error) {
      // The page reports a silent worker above both tabs.
      if (!(error instanceof NoAnswer)) reportError(error);
    } finally {
      this.#isAsking = false;
      this.#timer = setTimeout(() => void this.#look(), ASK_EVERY_MS);
    }
  }

  #show(answer: ShopAnswer): void {
    const {at, totals, bestSellers, topSpenders} = answer;
    show('shop-failure', false);
    part('shop-panel').removeAttribute('data-stale');
    this.#points = withPoint(this.#points, {atMs: Date.parse(at), totals});
    for (const [total, sparkline] of this.#sparklines) {
      say(total, grouped(totals[total]));
      say(`${total}-change`, changeWords(this.#points, total));
      sparkline.show(samplesOf(this.#points, total));
    }
    showBars(
      'best-sellers',
      bestSellers.map(({productId: id, unitsSold: value}) => ({id, value})),
    );
    showBars(
      'top-spenders',
      topSpenders.map(({userId: id, spent: value}) => ({id, value})),
    );
    say('shop-read', when(at));
  }

  #showFailure(status: number, {kind, reason}: ShopFailure): void {
    const last = this.#points.at(-1);
    const what = status === 503 ? 'Redis is not available' : 'The worker cannot show the shop';
    const numbers =
      last === undefined ? '' : `; the numbers below are from ${when(new Date(last.atMs).toISOString())}`;
    say('shop-failure-title', `${what}${numbers}.`);
    say('shop-failure-reason', `${kind}: ${reason}`);
    show('shop-failure', true);
    part('shop-panel').toggleAttribute('data-stale', true);
  }

  async #findOrder(): Promise<void> {
    const field = part('order-id') as HTMLInputElement;
    // A copied id often has blanks around it. An id that begins with a blank can be given as `%20...`.
    const given = field.value.trim();
    if (given === '') return;
    const asked = ++this.#orderAsked;
    try {
      const {status, body} = await askShop(`shop/orders/${encodeURIComponent(given)}`);
      if (asked !== this.#orderAsked) return;
      if (status === 200 || status === 404) showOrder(body as OrderAnswer);
      else sayInsteadOfOrder(failureWords(status, body as ShopFailure));
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error;
      if (asked === this.#orderAsked) sayInsteadOfOrder('The worker did not respond. Try again.');
    }
  }
}

function failureWords(status: number, {kind, reason}: ShopFailure): string {
  return `${status === 503 ? 'Redis is not available' : 'The order cannot be shown'}. ${kind}: ${reason}`;
}
