/**
 * Removes the containers of a stack when the process that owns the stack has ended.
 *
 * Usage: node --import tsx stack/docker/watcher.ts STACK-NAME
 */
import {isAlive} from '../processIdentity.js';
import {readState} from '../stackState.js';
import {stopDocker} from './launcher.js';

const POLL_MS = 500;

const name = process.argv[2] ?? '';
const timer = setInterval(() => {
  const state = readState(name);
  if (state?.mode !== 'docker' || state.owner === undefined) {
    process.exit(0);
  } else if (!isAlive(state.owner)) {
    clearInterval(timer);
    void stopDocker(state).finally(() => process.exit(0));
  }
}, POLL_MS);
