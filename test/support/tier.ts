/** The two tiers of tests: `npm test` proves each guarantee in a short form, `npm run soak` in a long one. */

/** Set by test/run.ts. */
const isSoak = process.env['TIER'] === 'soak';

/** How much of a thing a test does, in each tier. */
export function inTier<T>({test, soak}: {readonly test: T; readonly soak: T}): T {
  return isSoak ? soak : test;
}
