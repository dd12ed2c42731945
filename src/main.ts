#!/usr/bin/env node
import {main} from './cli/program.js';

// Whoever reads, `head` for example, has seen enough.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});
const exitCode = await main(process.argv, process.env);
// Ends here also when a server holds a connection open that could not be closed in time.
process.exit(exitCode);
