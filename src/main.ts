#!/usr/bin/env node
import {main} from './cli/program.js';

const exitCode = await main(process.argv, process.env);
// Ends here also when a server holds a connection open that could not be closed in time.
process.exit(exitCode);
