/** What is learned as a shape, and what is not. */
import {same, Shapes} from '../../src/decode/shapes.js';
import {wantedScalars, type Found} from '../support/wantedScalars.js';

type Body = Record<string, unknown>;

/** Knows these texts, and reads every scalar named `id`. */
function learned(texts: readonly string[]): Shapes<Found> {
  const shapes = new Shapes<Found>();
  for (const text of texts) shapes.learn(text, JSON.parse(text) as Body, wantedScalars(['id']));
  return shapes;
}

function id(value: unknown): Found {
  return [[['id'], value]];
}

test('wanted values come out at their depth, whatever their kind', () => {
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

test('a scalar that must stay the same, and one that must look like something, are held to it', () => {
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

test('a reader may leave a text to the parser', () => {
  const shapes = new Shapes<string>();
  const leaf = (): undefined => undefined;
  shapes.learn('{"a":1}', {a: 1}, {leaf, reader: () => () => undefined});
  expect(shapes.read('{"a":2}')).toBeUndefined();
});

test.each([
  ['another sequence of names', '{"b":1,"id":1}'],
  ['a name more', '{"id":1,"b":1,"c":1}'],
  ['a name less', '{"id":1}'],
  ['an object where a value was', '{"id":{},"b":1}'],
  ['an array', '{"id":[],"b":1}'],
  ['white space', '{"id": 1,"b":1}'],
  ['an escape', '{"id":"\\n","b":1}'],
  ['a control character', '{"id":"\n","b":1}'],
  ['a leading zero', '{"id":01,"b":1}'],
  ['a plus sign', '{"id":+1,"b":1}'],
  ['a bare fraction', '{"id":.5,"b":1}'],
  ['an unfinished exponent', '{"id":1e,"b":1}'],
  ['something before', ' {"id":1,"b":1}'],
  ['something after', '{"id":1,"b":1}}'],
  ['nothing', ''],
])('does not match %s', (_name, text) => {
  const shapes = learned(['{"id":1,"b":1}']);
  expect(shapes.read('{"id":2,"b":1}')).toEqual(id(2));
  expect(shapes.read(text)).toBeUndefined();
});

test.each([
  ['an array', '{"id":1,"b":[]}'],
  ['two equal names', '{"id":1,"id":1}'],
  ['white space', '{"id":1, "b":1}'],
  ['a name that JavaScript gives a meaning', '{"id":1,"__proto__":1}'],
  ['more than 300 names', `{"id":1,${Array.from({length: 300}, (_, i) => `"n${i}":1`).join(',')}}`],
])('does not learn %s (L8)', (_name, text) => {
  expect(learned([text]).read(text)).toBeUndefined();
});

test('300 names are learned, and names are taken as they are (L8)', () => {
  const names = Array.from({length: 298}, (_, i) => `"n${i}":1`).join(',');
  const text = `{"id":1,"a.b*(c)|[d]":1,${names}}`;
  const shapes = learned([text]);
  expect(shapes.read(text)).toEqual(id(1));
  expect(shapes.read(text.replace('a.b*', 'aXb*'))).toBeUndefined();
});

test('24 shapes are remembered, and no more; the commonest is found whatever came before (L8)', () => {
  const texts = Array.from({length: 25}, (_, i) => `{"id":${i},"n${i}":1}`);
  const shapes = learned(texts);
  for (let times = 0; times < 300; times++) expect(shapes.read(texts[23] ?? '')).toEqual(id(23));
  texts.forEach((text, i) => expect(shapes.read(text)).toEqual(i < 24 ? id(i) : undefined));
});

test('after 24 refusals nothing more is learned (L8)', () => {
  const bad = Array.from({length: 24}, (_, i) => `{"id":${i}, "n${i}":1}`);
  expect(learned([...bad.slice(1), '{"id":1}']).read('{"id":1}')).toEqual(id(1));
  expect(learned([...bad, '{"id":1}']).read('{"id":1}')).toBeUndefined();
});
