/** Whether a worker of the simulation lives: shared by everything through which it touches its world. */
export interface Life {
  readonly name: string;
  /** Killed: nothing of it reaches the world any more, and nothing of the world reaches it. */
  isDead: boolean;
  /** Stands still (SIGSTOP, a blocked event loop): hears nothing, until it goes on. */
  isFrozen: boolean;
}

/** Thrown where a worker is killed in the middle of a step, to leave that step; nobody is to see it. */
export class Killed extends Error {}
