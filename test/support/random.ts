/** The seed of a test run, and random numbers from it. */
export {Random} from '../../stack/random.js';

/** The seed of this run: SEED from the environment, else a new one. Tests that use it print it. */
export function chosenSeed(): number {
  const given = process.env['SEED'];
  return given === undefined ? Date.now() % 2 ** 32 : Number(given);
}
