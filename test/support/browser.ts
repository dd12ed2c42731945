/** A real browser without a window, on the worker's page: what it shows, what it asked for, what it complained about. */
import {chromium, type Browser, type BrowserContextOptions, type Page} from 'playwright-core';
import {fetchChromium, whyNoChromium} from '../../stack/native/chromium.js';

/** Why a test must be skipped on this machine; undefined where there is a browser. */
export function whyNoBrowser(): string | undefined {
  return whyNoChromium();
}

export async function openBrowser(): Promise<Browser> {
  const {program, env} = await fetchChromium({onProgress: (line) => process.stderr.write(`${line}\n`)});
  return await chromium.launch({executablePath: program, env: {...process.env, ...env}});
}

export class OpenPage {
  readonly page: Page;
  /** What the console and broken scripts said; breaches of the Content-Security-Policy are among it. */
  readonly complaints: string[] = [];
  /** Addresses that were asked, without the path. */
  readonly origins = new Set<string>();

  private constructor(page: Page) {
    this.page = page;
    page.on('console', (message) => {
      if (['error', 'warning'].includes(message.type())) this.complaints.push(message.text());
    });
    page.on('pageerror', (error) => this.complaints.push(String(error)));
    page.on('request', (request) => this.origins.add(new URL(request.url()).origin));
  }

  static async open(browser: Browser, url: string, options: BrowserContextOptions = {}): Promise<OpenPage> {
    const context = await browser.newContext({locale: 'en-GB', ...options});
    const opened = new OpenPage(await context.newPage());
    await opened.page.goto(url);
    return opened;
  }

  async text(id: string): Promise<string> {
    return (await this.page.textContent(`#${id}`)) ?? '';
  }

  /** Texts of the cells, row by row. */
  async rows(bodyId: string): Promise<string[][]> {
    const rows = await this.page.locator(`#${bodyId} tr`).all();
    return await Promise.all(rows.map(async (row) => await row.locator('th, td').allTextContents()));
  }

  async isShown(id: string): Promise<boolean> {
    return await this.page.isVisible(`#${id}`);
  }

  async close(): Promise<void> {
    await this.page.context().close();
  }
}
