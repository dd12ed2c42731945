/** Scripts for Redis, read from the files next to the code. */
import {readFileSync} from 'node:fs';

/** Removes comments, because a client sends the whole text after each reconnect, and more than half of it would be comments. */
export function readScript(file: URL): string {
  return readFileSync(file, 'utf8')
    .replace(/--\[\[[\s\S]*?\]\]/g, '')
    .replace(/--.*$/gm, '')
    .replace(/^\s+/gm, '');
}
