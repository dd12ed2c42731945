/** Copies the Lua scripts beside the compiled code, which reads them at start. */
import {cpSync, readdirSync} from 'node:fs';

for (const folder of ['apply', 'rebuild']) {
  for (const name of readdirSync(`src/${folder}`)) {
    if (name.endsWith('.lua')) cpSync(`src/${folder}/${name}`, `dist/${folder}/${name}`);
  }
}
