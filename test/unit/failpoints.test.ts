/** Failpoints: places where a test can kill, block or stop a worker. */
import {
  failpoint,
  FAILPOINT_ACTIONS,
  FAILPOINT_NAMES,
  noFailpoint,
  parseFailpoint,
} from '../../src/runtime/failpoints.js';

test('every failpoint can be set with every action', () => {
  for (const name of FAILPOINT_NAMES) {
    for (const action of FAILPOINT_ACTIONS) {
      expect(parseFailpoint(`${name}:${action}`)).toEqual({name, action, time: 1});
      expect(parseFailpoint(`${name}:${action}@12`)).toEqual({name, action, time: 12});
    }
  }
});

test.each([
  '',
  'after-apply',
  'after-apply:',
  'nowhere:kill',
  'after-apply:die',
  'after-apply:kill@0',
  'after-apply:kill@x',
])('%j is not a failpoint', (text) => expect(parseFailpoint(text)).toBeUndefined());

test('a failpoint acts once, when the worker reaches its place for the given time', () => {
  const acts: string[] = [];
  const reach = failpoint({name: 'after-apply', action: 'kill', time: 2}, (action) => acts.push(action));
  reach('before-apply');
  reach('after-apply');
  expect(acts).toEqual([]);
  reach('after-apply');
  reach('after-apply');
  expect(acts).toEqual(['kill']);
  expect(() => noFailpoint('after-apply')).not.toThrow();
});
