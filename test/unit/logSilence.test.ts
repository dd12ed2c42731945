import {LogSilence} from '../../src/clients/kafka/silence.js';

test('a partition is doubted if it had no response for longer than a fetch may wait', () => {
  const silence = new LogSilence(10_000);
  silence.begin(0);
  expect(silence.heard(1_000)).toEqual([]);
  expect(silence.heard(11_000)).toEqual([]);
  expect(silence.heard(21_001)).toEqual([{partition: 0, silentMs: 10_001}]);
});

test('the first response after a resume is never doubted, however long it takes', () => {
  const silence = new LogSilence(10_000);
  silence.begin(0);
  expect(silence.heard(1_000_000)).toEqual([]);
  silence.begin(0);
  expect(silence.heard(2_000_000)).toEqual([]);
  expect(silence.heard(2_010_001)).toHaveLength(1);
});

test('each partition is doubted separately, and a forgotten partition is not doubted', () => {
  const silence = new LogSilence(10_000);
  for (const partition of [0, 1, 2]) silence.begin(partition);
  silence.heard(0);
  silence.forget(1);
  silence.begin(2);
  expect(silence.heard(20_000)).toEqual([{partition: 0, silentMs: 20_000}]);
  silence.clear();
  expect(silence.heard(90_000)).toEqual([]);
});
