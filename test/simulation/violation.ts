/** Something that must not happen has happened in a simulated run. */
export class Violation extends Error {}
