/** A headless browser on the worker's page. It records the requests and the errors, and reads what the page shows. */
import {chromium, type Browser, type BrowserContextOptions, type Page} from 'playwright-core';
import {fetchChromium, whyNoChromium} from '../../stack/native/chromium.js';

/** Why a test must be skipped on this machine. Undefined if a browser is available. */
export function whyNoBrowser(): string | undefined {
  return whyNoChromium();
}

export async function openBrowser(): Promise<Browser> {
  const {program, env} = await fetchChromium({onProgress: (line) => process.stderr.write(`${line}\n`)});
  return await chromium.launch({executablePath: program, env: {...process.env, ...env}});
}

export class OpenPage {
  readonly page: Page;
  /** Console messages and script errors, including violations of the Content-Security-Policy. */
  readonly complaints: string[] = [];
  /** The origins of all requests. */
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

  /** The texts of the cells, row by row. */
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
