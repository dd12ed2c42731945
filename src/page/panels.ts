/** The parts of the page. They insert the data of the worker as text, and never as HTML. */
import {
  awayStretches,
  draw,
  sampleAt,
  shownMs,
  type Drawing,
  type Frame,
  type Point,
  type Sample,
} from './curve.js';
import {count, span, type Status, type Tone} from './wording.js';

/** Returns the element with this id. Throws if page.html does not contain it, because that is a defect of the page. */
export function part(id: string): HTMLElement {
  const element = document.getElementById(id);
  if (element === null) throw new Error(`page.html has no element ${id}`);
  return element;
}

/** Sets the text of an element only if it differs, because a screen reader would read an unchanged text again. */
export function say(id: string, text: string): void {
  const element = part(id);
  if (element.textContent !== text) element.textContent = text;
}

export function show(id: string, isShown: boolean): void {
  part(id).hidden = !isShown;
}

export function tone(id: string, value: Tone): void {
  part(id).dataset['tone'] = value;
}

export function clockTime(iso: string): string {
  return new Date(iso).toLocaleTimeString('en-GB');
}

/** Returns the time of day. It adds the date if the date is not today. */
export function when(iso: string): string {
  const date = new Date(iso);
  const isToday = date.toDateString() === new Date().toDateString();
  const day = date.toLocaleDateString('en-GB', {day: 'numeric', month: 'short'});
  return isToday ? clockTime(iso) : `${day}, ${clockTime(iso)}`;
}

export function make(tag: string, className: string, text: string): HTMLElement {
  const element = document.createElement(tag);
  if (className !== '') element.className = className;
  element.textContent = text;
  return element;
}

export function showList(id: string, texts: readonly string[]): void {
  part(id).replaceChildren(...texts.map((text) => make('li', '', text)));
}

export interface Event {
  readonly kind: string;
  readonly detail: string;
  /** The time of the event, in words. */
  readonly when: string;
}

/** Shows a list of events. If the list is empty, it shows the sentence that says so. */
export function showEvents(id: string, events: readonly Event[]): void {
  const entries = events.map((event) => {
    const entry = document.createElement('li');
    entry.append(make('span', 'when quiet', event.when));
    entry.append(make('span', 'kind', event.kind), make('span', 'detail', event.detail));
    return entry;
  });
  part(id).replaceChildren(...entries);
  show(`no-${id}`, events.length === 0);
}

export type Pair = readonly [name: string, text: string, tone?: Tone];

export function showPairs(id: string, pairs: readonly Pair[]): void {
  const parts = pairs.flatMap(([name, text, its]) => {
    const value = make('dd', '', text);
    if (its !== undefined) value.dataset['tone'] = its;
    return [make('dt', '', name), value];
  });
  part(id).replaceChildren(...parts);
}

/** A script takes some milliseconds. So the page shows a partition as stuck only after this time. */
const STUCK_MS_MIN = 1_000;

export function showPartitions(partitions: Status['partitions']): void {
  const rows = partitions.map(({partition, position, end, lagRecords, committed, stuckMs, held}) => {
    const row = document.createElement('tr');
    const name = make('th', '', String(partition));
    name.setAttribute('scope', 'row');
    row.append(name, make('td', '', count(position)), make('td', '', count(end)));
    row.append(make('td', '', count(lagRecords)), make('td', 'second', count(committed)));
    row.append(
      make('td', 'second', held !== null ? 'held' : stuckMs < STUCK_MS_MIN ? 'no' : span(stuckMs / 1_000)),
    );
    return row;
  });
  part('partitions').replaceChildren(...rows);
  show('no-partitions', partitions.length === 0);
  show('partitions-note', partitions.length > 0);
}

const SVG = 'http://www.w3.org/2000/svg';
const WIDTH = 600;
const HEIGHT = 120;

export function drawn(tag: string, attributes: Readonly<Record<string, string>>): SVGElement {
  const element = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/** One curve. It is drawn again with each answer, and shows the value at the pointer. */
export class Curve {
  readonly #plot: SVGElement;
  readonly #top: HTMLElement;
  readonly #read: HTMLElement;
  readonly #from: HTMLElement;
  readonly #words: (value: number) => string;
  #samples: readonly Sample[] = [];
  #frame: Frame = {width: WIDTH, height: HEIGHT, fromMs: 0, toMs: 1};

  constructor(sectionId: string, words: (value: number) => string) {
    this.#words = words;
    this.#plot = drawn('svg', {viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: 'none', role: 'img'});
    this.#top = make('span', 'top quiet', '');
    this.#read = make('span', 'read quiet', '');
    const box = make('div', 'plot', '');
    box.append(this.#plot, this.#top, this.#read);
    this.#from = make('span', '', '');
    const axis = make('p', 'axis quiet', '');
    axis.append(this.#from, make('span', 'away-key', 'not ready'), make('span', '', 'now'));
    part(sectionId).append(box, axis);
    this.#plot.addEventListener('pointermove', (event) => this.#point(event));
    this.#plot.addEventListener('pointerleave', () => (this.#read.textContent = ''));
  }

  show(samples: readonly Sample[], points: readonly Point[], nowMs: number): void {
    this.#samples = samples;
    this.#frame = {...this.#frame, fromMs: nowMs - shownMs(points, nowMs), toMs: nowMs};
    this.#from.textContent = `${span((nowMs - this.#frame.fromMs) / 1_000)} ago`;
    const {line, area, top} = draw(samples, this.#frame);
    const away = awayStretches(points, this.#frame).map(({x, width}) =>
      drawn('rect', {class: 'away', x: String(x), y: '0', width: String(width), height: String(HEIGHT)}),
    );
    const curve = [drawn('path', {class: 'area', d: area}), drawn('path', {class: 'line', d: line})];
    this.#plot.replaceChildren(...away, ...curve);
    this.#plot.setAttribute('aria-label', this.#summary(top));
    this.#top.textContent = this.#words(top);
  }

  #summary(top: Drawing['top']): string {
    const values = this.#samples.flatMap(({value}) => (value === null ? [] : [value]));
    const last = values.at(-1);
    if (last === undefined) return 'curve without values';
    const [least, most] = [Math.min(...values), Math.max(...values)].map(this.#words);
    return `curve from ${least} to ${most}, now ${this.#words(last)}; the upper edge is ${this.#words(top)}`;
  }

  #point(event: PointerEvent): void {
    const {left, width} = this.#plot.getBoundingClientRect();
    const sample = sampleAt(this.#samples, ((event.clientX - left) / width) * WIDTH, this.#frame);
    if (sample === undefined) return;
    const value = sample.value === null ? 'unknown' : this.#words(sample.value);
    this.#read.textContent = `${clockTime(new Date(sample.atMs).toISOString())}: ${value}`;
  }
}
