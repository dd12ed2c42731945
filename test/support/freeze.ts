/** A server that stands still: its connections stay open, and nothing is answered. */
import {openStack, type ServerName} from '../../stack/stack.js';
import {testStack} from './stack.js';

/** Runs `work` while a server of the test stack stands still. */
export async function whileFrozen(server: ServerName, work: () => Promise<void>): Promise<void> {
  const stack = openStack(testStack().name);
  await stack.pauseServer(server);
  try {
    await work();
  } finally {
    await stack.resumeServer(server);
  }
}

/** Runs `work` while Redis stands still. */
export async function whileRedisIsFrozen(work: () => Promise<void>): Promise<void> {
  await whileFrozen('redis', work);
}
