/** A server that stands still: its connections stay open, and nothing is answered. */
import {execFileSync} from 'node:child_process';
import {testStack} from './stack.js';

/** Runs `work` while Redis stands still. */
export async function whileRedisIsFrozen(work: () => Promise<void>): Promise<void> {
  const {name, pids} = testStack();
  const container = `order-projector-${name}-redis-1`;
  const setFrozen = (isFrozen: boolean): void => {
    if (pids !== undefined) process.kill(pids.redis, isFrozen ? 'SIGSTOP' : 'SIGCONT');
    else execFileSync('docker', [isFrozen ? 'pause' : 'unpause', container]);
  };
  setFrozen(true);
  try {
    await work();
  } finally {
    setFrozen(false);
  }
}
