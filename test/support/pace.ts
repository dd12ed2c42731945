/** The pace of traffic that goes on for as long as something else takes. */
import {setTimeout as sleep} from 'node:timers/promises';

const PAUSE_MS = 20;

/**
 * Between two steps of such traffic. Without the pause a test writes as fast as the machine allows (700,000 records in one run), and
 * reads all of them at its end. With it, some hundred changes per second still arrive.
 */
export async function pause(): Promise<void> {
  await sleep(PAUSE_MS);
}
