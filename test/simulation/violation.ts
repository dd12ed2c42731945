/** A rule that was violated in a simulated run. */
export class Violation extends Error {}
