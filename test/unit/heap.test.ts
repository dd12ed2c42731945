import {execFileSync} from 'node:child_process';
import {expect, test} from '@jest/globals';
import {HEAP_GROWTH_FLAG} from '../../src/runtime/heap.js';

test('this version of Node.js accepts the flag that limits the growth of the heap', () => {
  // V8 ignores an unknown flag that is set at run time. The command line of Node.js rejects it.
  const nodeWith = (flag: string): string =>
    execFileSync(process.execPath, [flag, '-p', '"started"'], {encoding: 'utf8', stdio: 'pipe'});
  expect(nodeWith(HEAP_GROWTH_FLAG).trim()).toBe('started');
  expect(() => nodeWith('--no-such-flag-of-v8=1')).toThrow('bad option');
});
