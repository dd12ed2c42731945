/**
 * What became of the records that this worker consumed.
 *
 * I6: every record is counted exactly once: applied (a row change), ignored (heartbeats, tombstones, other tables), or
 * rejected. Records that are read a second time, after a rewind, were not counted the first time.
 */
export interface Tally {
  applied: number;
  ignored: number;
  rejected: number;
  /** Times that a partition had to read its position again: refusals, lost replies, roll-backs. */
  rewinds: number;
  /** Time of the newest applied record in its database, ms since 1970. */
  newestSourceMs: number | null;
}

export function emptyTally(): Tally {
  return {applied: 0, ignored: 0, rejected: 0, rewinds: 0, newestSourceMs: null};
}

/** Adds the records of one chunk once it is applied. */
export function addTally(total: Tally, chunk: Tally): void {
  total.applied += chunk.applied;
  total.ignored += chunk.ignored;
  total.rejected += chunk.rejected;
  total.rewinds += chunk.rewinds;
  if (chunk.newestSourceMs !== null) {
    total.newestSourceMs = Math.max(total.newestSourceMs ?? 0, chunk.newestSourceMs);
  }
}
