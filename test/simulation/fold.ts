/** The naive fold of the topic up to an offset of each partition, and the keys that follow from it. */
import {OrderModel, type Content} from '../support/orderModel.js';
import type {Event} from './shop.js';

export interface FoldSettings {
  readonly prefix: string;
  readonly extraColumns: readonly string[];
  readonly layout: string;
  /** Which keys are under this prefix: all, or only one of both parts (layout `partitioned`). */
  readonly shows: 'all' | 'orders' | 'sums';
}

export class Fold {
  readonly #settings: FoldSettings;
  readonly #model = new OrderModel();
  readonly #next = new Map<number, bigint>();
  /** Undefined if an offset has moved since it was computed. */
  #content: Content | undefined;

  constructor(settings: FoldSettings) {
    this.#settings = settings;
  }

  get prefix(): string {
    return this.#settings.prefix;
  }

  /** The next offset of a partition that the fold does not contain. */
  next(partition: number): bigint {
    return this.#next.get(partition) ?? 0n;
  }

  add({outcome}: Event): void {
    if (outcome.kind === 'change') this.#model.add(outcome.change);
  }

  moveTo(partition: number, next: bigint): void {
    if (next === this.next(partition)) return;
    this.#next.set(partition, next);
    this.#content = undefined;
  }

  /** No keys before the first record, not even the layout. */
  content(): Content {
    this.#content ??= this.#next.size === 0 ? {} : this.#compute();
    return this.#content;
  }

  #compute(): Content {
    const {prefix, extraColumns, layout, shows} = this.#settings;
    const isShown = (key: string): boolean =>
      shows === 'all' || /^order(?:_lines)?:/.test(key.slice(prefix.length)) === (shows === 'orders');
    const all = Object.entries(this.#model.content(prefix, extraColumns));
    const content: Content = Object.fromEntries(all.filter(([key]) => isShown(key)));
    content[`${prefix}projector:layout`] = layout;
    return content;
  }
}
