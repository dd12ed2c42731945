/** fast-check with the seed of the run, so that SEED repeats its random values. Tests import fast-check from here. */
import fc from 'fast-check';
import {test as propertyTest} from '@fast-check/jest';
import {chosenSeed} from './random.js';

fc.configureGlobal({seed: chosenSeed() | 0});

export {fc, propertyTest};
