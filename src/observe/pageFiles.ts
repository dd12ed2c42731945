/**
 * The files of the live page at `/`, and what a browser may do with them.
 *
 * The worker reads the files from page/ once, at its start. The page shows the answers of `/status` and `/history`, and on the tab Shop
 * those of `/shop`.
 * It loads nothing from another host and sends nothing to one.
 */
import {readFileSync} from 'node:fs';
import type {Answer, Routes} from './http.js';

/**
 * The page can load only files and answers of its own origin. Foreign text cannot become HTML, because trusted types without a
 * policy make the browser reject every assignment of text as HTML.
 */
const PAGE_POLICY = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join('; ');

const SCRIPT = 'text/javascript; charset=utf-8';

/** Maps a path to its file and content type. */
const FILES: Readonly<Record<string, readonly [file: string, type: string]>> = {
  '/': ['page.html', 'text/html; charset=utf-8'],
  '/page.css': ['page.css', 'text/css; charset=utf-8'],
  '/parts.css': ['parts.css', 'text/css; charset=utf-8'],
  '/page.js': ['page.js', SCRIPT],
  '/panels.js': ['panels.js', SCRIPT],
  '/curve.js': ['curve.js', SCRIPT],
  '/wording.js': ['wording.js', SCRIPT],
  '/ask.js': ['ask.js', SCRIPT],
  '/tabs.js': ['tabs.js', SCRIPT],
  '/shop.css': ['shop.css', 'text/css; charset=utf-8'],
  '/shop.js': ['shop.js', SCRIPT],
  '/shopPanels.js': ['shopPanels.js', SCRIPT],
  '/shopWording.js': ['shopWording.js', SCRIPT],
  '/icon.svg': ['icon.svg', 'image/svg+xml'],
};

export function pageRoutes(): Routes {
  return Object.fromEntries(
    Object.entries(FILES).map(([path, [file, type]]) => {
      const body = readFileSync(new URL(`../page/${file}`, import.meta.url), 'utf8');
      const answer: Answer = {status: 200, type, body, ...(path === '/' ? {policy: PAGE_POLICY} : {})};
      return [path, () => answer];
    }),
  );
}
