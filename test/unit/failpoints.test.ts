/** Places where a test lets a worker die. */
import {
  failpoint,
  FAILPOINT_ACTIONS,
  FAILPOINT_NAMES,
  noFailpoint,
  parseFailpoint,
} from '../../src/runtime/failpoints.js';

test('every place with every action can be asked for', () => {
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
])('%j is none', (text) => expect(parseFailpoint(text)).toBeUndefined());

test('acts once, at the given time, in the given place', () => {
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
