/** Freezes a server: its connections stay open, but it does not respond. */
import {openStack, type ServerName} from '../../stack/stack.js';
import {testStack} from './stack.js';

/** Runs `work` while a server of the test stack is frozen. */
export async function whileFrozen(server: ServerName, work: () => Promise<void>): Promise<void> {
  const stack = openStack(testStack().name);
  await stack.pauseServer(server);
  try {
    await work();
  } finally {
    await stack.resumeServer(server);
  }
}

/** Runs `work` while Redis is frozen. */
export async function whileRedisIsFrozen(work: () => Promise<void>): Promise<void> {
  await whileFrozen('redis', work);
}
