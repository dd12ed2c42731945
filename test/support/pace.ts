/** Limits the rate at which a test writes in the background. */
import {setTimeout as sleep} from 'node:timers/promises';

const PAUSE_MS = 20;

/**
 * The pause between two writes. Without it a test writes as fast as the machine allows (700,000 records in one run), and has
 * to read all of them at its end. With it, a few hundred changes per second are written.
 */
export async function pause(): Promise<void> {
  await sleep(PAUSE_MS);
}
