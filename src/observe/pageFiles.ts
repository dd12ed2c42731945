/**
 * The live page at `/`: a few files from page/, read once at a start. It reads `/status` and `/history` and shows them; nothing
 * in it comes from, or is sent to, another place.
 */
import {readFileSync} from 'node:fs';
import type {Answer, Routes} from './http.js';

/** Nothing but its own files and answers. Text from outside can become no HTML: the browser refuses every way to make it such. */
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

/** By path: the file and its type. */
const FILES: Readonly<Record<string, readonly [file: string, type: string]>> = {
  '/': ['page.html', 'text/html; charset=utf-8'],
  '/page.css': ['page.css', 'text/css; charset=utf-8'],
  '/parts.css': ['parts.css', 'text/css; charset=utf-8'],
  '/page.js': ['page.js', SCRIPT],
  '/panels.js': ['panels.js', SCRIPT],
  '/curve.js': ['curve.js', SCRIPT],
  '/wording.js': ['wording.js', SCRIPT],
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
