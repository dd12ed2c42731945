/** The pace of traffic that goes on for as long as something else takes. */
import {setTimeout as sleep} from 'node:timers/promises';

const PAUSE_MS = 20;

/**
 * Between two steps of such traffic. Without it a test writes as many records as the machine can, for minutes, and reads them all again
 * afterwards: there were 700,000 once. Some hundred changes a second are always under way with it, too.
 */
export async function pause(): Promise<void> {
  await sleep(PAUSE_MS);
}
