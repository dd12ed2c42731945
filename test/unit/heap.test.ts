import {execFileSync} from 'node:child_process';
import {expect, test} from '@jest/globals';
import {HEAP_GROWTH_FLAG} from '../../src/runtime/heap.js';

test('this Node knows the flag that limits its heap', () => {
  // V8 says nothing to a caller about a flag that it does not know, but its command line does.
  const nodeWith = (flag: string): string =>
    execFileSync(process.execPath, [flag, '-p', '"started"'], {encoding: 'utf8', stdio: 'pipe'});
  expect(nodeWith(HEAP_GROWTH_FLAG).trim()).toBe('started');
  expect(() => nodeWith('--no-such-flag-of-v8=1')).toThrow('bad option');
});
