/** A lesson for shapes that captures every scalar with one of these names, at any depth. */
import {SCALAR, type Lesson} from '../../src/decode/shapes.js';

/** Paths and values, in the order of the JSON text. */
export type Found = readonly (readonly [readonly string[], unknown])[];

export function wantedScalars(names: readonly string[]): Lesson<Found> {
  const paths: (readonly string[])[] = [];
  return {
    leaf: (path) => {
      if (!names.includes(path.at(-1) ?? '')) return undefined;
      paths.push(path);
      return {pattern: `(${SCALAR})`, captures: true};
    },
    reader: (groupOf) => (captured) =>
      paths.map((path) => [path, JSON.parse(captured[groupOf(path)] ?? '') as unknown] as const),
  };
}
