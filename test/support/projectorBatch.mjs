/** Runs commands of the built command line in this process. argv[2] is a JSON list of argument lists. */
import {writeSync} from 'node:fs';
import {main} from '../../dist/cli/program.js';

const STDERR = 2;
for (const [index, args] of JSON.parse(process.argv[2]).entries()) {
  const exitCode = await main(['node', 'projector', ...args], process.env);
  writeSync(STDERR, `\nend of command ${index}: exit code ${exitCode}\n`);
}
process.exit(0);
