/** Which JSON texts the decoder learns as a shape, and which it leaves to the parser. */
import {same, Shapes} from '../../src/decode/shapes.js';
import {wantedScalars, type Found} from '../support/wantedScalars.js';

type Body = Record<string, unknown>;

/** Shapes learned from these texts. They read every scalar named `id`. */
function learned(texts: readonly string[]): Shapes<Found> {
  const shapes = new Shapes<Found>();
  for (const text of texts) shapes.learn(text, JSON.parse(text) as Body, wantedScalars(['id']));
  return shapes;
}

function id(value: unknown): Found {
  return [[['id'], value]];
}

test('wanted values are read with their path, at any depth and of any type', () => {
  const shapes = learned(['{"a":1,"id":"x","in":{"id":1,"b":{"id":2}},"out":{"c":3}}']);
  expect(shapes.read('{"a":null,"id":"-é ","in":{"id":-7,"b":{"id":1.5e3}},"out":{"c":"{}"}}')).toEqual([
    [['id'], '-é '],
    [['in', 'id'], -7],
    [['in', 'b', 'id'], 1_500],
  ]);
  expect(shapes.read('{"a":"","id":null,"in":{"id":true,"b":{"id":false}},"out":{"c":-0.5}}')).toEqual([
    [['id'], null],
    [['in', 'id'], true],
    [['in', 'b', 'id'], false],
  ]);
});

test('a shape matches only if fixed scalars are equal and scalars with a pattern match it', () => {
  const shapes = new Shapes<string>();
  const text = '{"a":"x.y","b":1,"c":{"b":2}}';
  shapes.learn(text, JSON.parse(text) as Body, {
    leaf: (path, value) => {
      if (path.join() === 'a') return same(value);
      return path.join() === 'b' ? {pattern: '([0-9]{1,3})', captures: true} : undefined;
    },
    reader: (groupOf) => {
      expect([groupOf(['a']), groupOf(['b']), groupOf(['c', 'b'])]).toEqual([0, 1, 0]);
      return (captured) => captured[1];
    },
  });
  expect(shapes.read('{"a":"x.y","b":123,"c":{"b":null}}')).toBe('123');
  expect(shapes.read('{"a":"xzy","b":123,"c":{"b":2}}')).toBeUndefined();
  expect(shapes.read('{"a":"x.y","b":1234,"c":{"b":2}}')).toBeUndefined();
  expect(shapes.read('{"a":"x.y","b":-1,"c":{"b":2}}')).toBeUndefined();
});

test('a text is left to the parser if the reader returns undefined', () => {
  const shapes = new Shapes<string>();
  const leaf = (): undefined => undefined;
  shapes.learn('{"a":1}', {a: 1}, {leaf, reader: () => () => undefined});
  expect(shapes.read('{"a":2}')).toBeUndefined();
});

test.each([
  ['another sequence of names', '{"b":1,"id":1}'],
  ['an additional name', '{"id":1,"b":1,"c":1}'],
  ['a missing name', '{"id":1}'],
  ['an object instead of a scalar', '{"id":{},"b":1}'],
  ['an array', '{"id":[],"b":1}'],
  ['white space', '{"id": 1,"b":1}'],
  ['an escape', '{"id":"\\n","b":1}'],
  ['a control character', '{"id":"\n","b":1}'],
  ['a leading zero', '{"id":01,"b":1}'],
  ['a plus sign', '{"id":+1,"b":1}'],
  ['a bare fraction', '{"id":.5,"b":1}'],
  ['an unfinished exponent', '{"id":1e,"b":1}'],
  ['a character before it', ' {"id":1,"b":1}'],
  ['a character after it', '{"id":1,"b":1}}'],
  ['no characters', ''],
])('a shape does not match a text with %s', (_name, text) => {
  const shapes = learned(['{"id":1,"b":1}']);
  expect(shapes.read('{"id":2,"b":1}')).toEqual(id(2));
  expect(shapes.read(text)).toBeUndefined();
});

test.each([
  ['an array', '{"id":1,"b":[]}'],
  ['a repeated name', '{"id":1,"id":1}'],
  ['white space', '{"id":1, "b":1}'],
  ['a name that is special in JavaScript', '{"id":1,"__proto__":1}'],
  ['more than 300 names', `{"id":1,${Array.from({length: 300}, (_, i) => `"n${i}":1`).join(',')}}`],
])('a text with %s is not learned as a shape (L8)', (_name, text) => {
  expect(learned([text]).read(text)).toBeUndefined();
});

test('a text with 300 names is learned, and special characters in names are matched literally (L8)', () => {
  const names = Array.from({length: 298}, (_, i) => `"n${i}":1`).join(',');
  const text = `{"id":1,"a.b*(c)|[d]":1,${names}}`;
  const shapes = learned([text]);
  expect(shapes.read(text)).toEqual(id(1));
  expect(shapes.read(text.replace('a.b*', 'aXb*'))).toBeUndefined();
});

test('at most 24 shapes are remembered, and each is still found after another one was used 300 times (L8)', () => {
  const texts = Array.from({length: 25}, (_, i) => `{"id":${i},"n${i}":1}`);
  const shapes = learned(texts);
  for (let times = 0; times < 300; times++) expect(shapes.read(texts[23] ?? '')).toEqual(id(23));
  texts.forEach((text, i) => expect(shapes.read(text)).toEqual(i < 24 ? id(i) : undefined));
});

test('no shape is learned after 24 texts that could not be learned (L8)', () => {
  const bad = Array.from({length: 24}, (_, i) => `{"id":${i}, "n${i}":1}`);
  expect(learned([...bad.slice(1), '{"id":1}']).read('{"id":1}')).toEqual(id(1));
  expect(learned([...bad, '{"id":1}']).read('{"id":1}')).toBeUndefined();
});
