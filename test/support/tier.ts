/** The two tiers of tests: `npm test` runs a short form of each test, `npm run soak` a long form. */

/** TIER is set by test/run.ts. */
const isSoak = process.env['TIER'] === 'soak';

/** Selects the value for the current tier. */
export function inTier<T>({test, soak}: {readonly test: T; readonly soak: T}): T {
  return isSoak ? soak : test;
}
