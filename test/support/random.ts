/** The seed of a run, and the random numbers that it repeats. */
export {Random} from '../../stack/random.js';

/** The seed of this run: SEED from the environment, else a new one. Name it in the tests that use it. */
export function chosenSeed(): number {
  const given = process.env['SEED'];
  return given === undefined ? Date.now() % 2 ** 32 : Number(given);
}
