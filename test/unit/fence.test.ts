import {parseFence, positionInFence} from '../../src/redis-model/fence.js';
import {parsePosition} from '../../src/redis-model/position.js';

const POSITION = 'v1 124 123 1795426801749 8b1a2c3d 5f3c9a10';

test('a fence contains its expiry time, its holder and the position that it replaces (I15)', () => {
  const fence = {untilMs: 1_795_590_040_123, holder: '5f3c9a10'};
  expect(parseFence(`fence 1795590040123 5f3c9a10 ${POSITION}`)).toEqual({...fence, position: POSITION});
  expect(parseFence('fence 1795590040123 5f3c9a10 ')).toEqual({...fence, position: ''});
  expect(parseFence('fence 1795590040123 5f3c9a10')).toEqual({...fence, position: ''});
});

test.each(['', POSITION, 'fence', 'fence 12', 'fence x y v1 1', 'fence 1795590040123', ' fence 1 a v1 1'])(
  '%j is not a fence',
  (text) => {
    expect(parseFence(text)).toBeUndefined();
    expect(positionInFence(text)).toBe(text);
  },
);

test('a fence cannot be parsed as a position, but contains the one that it replaces', () => {
  const text = `fence 1795590040123 5f3c9a10 ${POSITION}`;
  expect(parsePosition(text)).toBeUndefined();
  expect(positionInFence(text)).toBe(POSITION);
});
