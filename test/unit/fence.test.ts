import {parseFence, positionInFence} from '../../src/redis-model/fence.js';
import {parsePosition} from '../../src/redis-model/position.js';

const POSITION = 'v1 124 123 1795426801749 8b1a2c3d 5f3c9a10';

test('a fence tells its time, its holder and the position that it stands for (I15)', () => {
  const fence = {untilMs: 1_795_590_040_123, holder: '5f3c9a10'};
  expect(parseFence(`fence 1795590040123 5f3c9a10 ${POSITION}`)).toEqual({...fence, position: POSITION});
  expect(parseFence('fence 1795590040123 5f3c9a10 ')).toEqual({...fence, position: ''});
  expect(parseFence('fence 1795590040123 5f3c9a10')).toEqual({...fence, position: ''});
});

test.each(['', POSITION, 'fence', 'fence 12', 'fence x y v1 1', 'fence 1795590040123', ' fence 1 a v1 1'])(
  'no fence: %j',
  (text) => {
    expect(parseFence(text)).toBeUndefined();
    expect(positionInFence(text)).toBe(text);
  },
);

test('nothing takes a fence for a position', () => {
  const text = `fence 1795590040123 5f3c9a10 ${POSITION}`;
  expect(parsePosition(text)).toBeUndefined();
  expect(positionInFence(text)).toBe(POSITION);
});
