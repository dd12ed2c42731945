#!/usr/bin/env node
import {main} from './cli/program.js';

// EPIPE means that the reader of stdout has closed the pipe, as `head` does. The rest of the output has no reader, so this is no error.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error;
  process.exit(0);
});
const exitCode = await main(process.argv, process.env);
// The explicit exit is needed because an open connection to a server would keep the process running.
process.exit(exitCode);
