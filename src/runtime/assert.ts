/** Assertions. They stay on in production, because a worker with a defect must stop before it writes wrong data. */

/** Throws if the condition is false, because then the code itself has a defect. */
export function assert(condition: boolean, law: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${law}`);
}

/** Ends a switch over a union. The compiler rejects the switch until it handles every member of the union. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
