/** Copies what is no TypeScript beside the compiled code, which reads it at start: the Lua scripts, the files of the page. */
import {cpSync, readdirSync} from 'node:fs';

for (const folder of ['apply', 'operations/rebuild', 'page']) {
  for (const name of readdirSync(`src/${folder}`)) {
    if (/\.(?:lua|html|css|svg)$/.test(name)) cpSync(`src/${folder}/${name}`, `dist/${folder}/${name}`);
  }
}
