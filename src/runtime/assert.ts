/** Assertions stay on in production: a worker that finds itself wrong must stop, not go on. */

/** Throws when our own reasoning does not hold. */
export function assert(condition: boolean, law: string): asserts condition {
  if (!condition) throw new Error(`assertion failed: ${law}`);
}

/** Closes a switch over a union: a new member does not compile until it is handled. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${JSON.stringify(value)}`);
}
