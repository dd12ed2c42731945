/** Copies the Lua scripts and the files of the page to dist/, because the compiled code reads them at start. */
import {cpSync, readdirSync} from 'node:fs';

for (const folder of ['apply', 'operations/rebuild', 'page']) {
  for (const name of readdirSync(`src/${folder}`)) {
    if (/\.(?:lua|html|css|svg)$/.test(name)) cpSync(`src/${folder}/${name}`, `dist/${folder}/${name}`);
  }
}
