/** The tabs of the page. The open tab is in the URL, so that it can be linked: `#shop`. */
import {part, show} from './panels.js';

const NAMES = ['worker', 'shop'] as const;
export type TabName = (typeof NAMES)[number];

export class Tabs {
  readonly #opened: (name: TabName) => void;
  #hasShop = false;
  #open: TabName = 'worker';

  constructor(opened: (name: TabName) => void) {
    this.#opened = opened;
    // A tab is a link, so a click changes the hash without further code, and a browser can copy the link.
    window.addEventListener('hashchange', () => this.#follow());
    part('tabs').addEventListener('keydown', (event) => this.#press(event));
  }

  /** Without the tab Shop there is only one tab, so the page shows no tabs. */
  offer(hasShop: boolean): void {
    this.#hasShop = hasShop;
    show('tabs', hasShop);
    this.#follow();
  }

  #follow(): void {
    const name = this.#hasShop && location.hash === '#shop' ? 'shop' : 'worker';
    if (name === this.#open) return;
    this.#open = name;
    for (const each of NAMES) {
      const isOpen = each === name;
      const tab = part(`tab-${each}`);
      tab.setAttribute('aria-selected', String(isOpen));
      tab.tabIndex = isOpen ? 0 : -1;
      show(`${each}-panel`, isOpen);
    }
    this.#opened(name);
  }

  /** The keys of a tab list, as the ARIA Authoring Practices Guide describes them. The browser handles Enter, as for every link. */
  #press(event: KeyboardEvent): void {
    const other = this.#open === 'shop' ? 'worker' : 'shop';
    const keys: Readonly<Record<string, TabName>> = {
      ArrowLeft: other,
      ArrowRight: other,
      Home: 'worker',
      End: 'shop',
      ' ': this.#open,
    };
    const name = keys[event.key];
    if (name === undefined) return;
    event.preventDefault();
    location.hash = name;
    part(`tab-${name}`).focus();
  }
}
