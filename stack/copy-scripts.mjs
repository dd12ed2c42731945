/** Copies the Lua scripts beside the compiled code, which reads them at start. */
import {cpSync, readdirSync} from 'node:fs';

for (const name of readdirSync('src/apply')) {
  if (name.endsWith('.lua')) cpSync(`src/apply/${name}`, `dist/apply/${name}`);
}
