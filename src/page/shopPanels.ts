/** The parts of the tab Shop. They insert the data of the shop as text, and never as HTML. */
import type {OrderAnswer, OrderItem} from '../observe/shopAnswer.js';
import {draw, type Frame, type Sample} from './curve.js';
import {drawn, make, part, say, show, showPairs} from './panels.js';
import {grouped, idOr, idText, orderFields, share} from './shopWording.js';

const FRAME = {width: 300, height: 40};

/** A small curve without axes. The text above it says how the value has changed. */
export class Sparkline {
  readonly #plot: SVGElement;

  constructor(boxId: string) {
    const viewBox = `0 0 ${FRAME.width} ${FRAME.height}`;
    this.#plot = drawn('svg', {viewBox, preserveAspectRatio: 'none', 'aria-hidden': 'true'});
    part(boxId).append(this.#plot);
  }

  show(samples: readonly Sample[]): void {
    const [fromMs, toMs] = [samples[0]?.atMs ?? 0, samples.at(-1)?.atMs ?? 0];
    if (fromMs === toMs) return;
    const frame: Frame = {...FRAME, fromMs, toMs};
    const {line, area} = draw(samples, frame);
    this.#plot.replaceChildren(
      drawn('path', {class: 'area', d: area}),
      drawn('path', {class: 'line', d: line}),
    );
  }
}

export interface BarRow {
  readonly id: string;
  readonly value: string;
}

/** Horizontal bars, the longest first. If there are none, the page shows the sentence that says so. */
export function showBars(listId: string, rows: readonly BarRow[]): void {
  const highest = rows[0]?.value ?? '0';
  const entries = rows.map(({id, value}) => {
    const entry = document.createElement('li');
    const bar = drawn('svg', {
      class: 'bar',
      viewBox: '0 0 100 1',
      preserveAspectRatio: 'none',
      'aria-hidden': 'true',
    });
    const width = String(Math.round(share(value, highest) * 1_000) / 10);
    bar.append(drawn('rect', {width, height: '1'}));
    entry.append(nameOf(idOr(id, 'none')), bar, make('span', 'value', grouped(value)));
    return entry;
  });
  part(listId).replaceChildren(...entries);
  show(`no-${listId}`, rows.length === 0);
}

/** A `bdi` element keeps text with another direction of writing from changing the order of what follows. */
function nameOf(text: string): HTMLElement {
  const name = make('bdi', 'name', text);
  name.title = text;
  return name;
}

/** Shows an order, or why there is none to show. */
export function showOrder(answer: OrderAnswer): void {
  const {id, found, order, items = [], note} = answer;
  const title = `order ${idText(id)}`;
  say('order-says', found ? `This is ${title}.` : `There is no ${title} in Redis.`);
  say('order-note', note ?? '');
  show('order-note', note !== null && (found || items.length > 0));
  showPairs('order-fields', order === undefined ? [] : orderFields(order));
  showItems(items, found);
  show('order-found', found || items.length > 0);
}

/** Shows a sentence instead of an order. */
export function sayInsteadOfOrder(text: string): void {
  say('order-says', text);
  show('order-found', false);
  show('order-note', false);
}

function showItems(items: readonly OrderItem[], found: boolean): void {
  const hasAmounts = items.some(({amount}) => amount !== undefined);
  const rows = items.map((item) => {
    const row = document.createElement('tr');
    const id = make('th', '', idText(item.id));
    id.setAttribute('scope', 'row');
    row.append(id, make('td', 'text', idOr(item.product_id, 'none')), make('td', '', grouped(item.quantity)));
    if (hasAmounts) row.append(make('td', '', item.amount === undefined ? '' : grouped(item.amount)));
    return row;
  });
  part('order-items').replaceChildren(...rows);
  show('item-amount', hasAmounts);
  show('order-table', items.length > 0);
  show('no-order-items', found && items.length === 0);
}
