/** Whether a simulated worker is running. Its clock, its Kafka client and its Redis client share this. */
export interface Life {
  readonly name: string;
  /** The worker was killed: it sends nothing and receives nothing any more. */
  isDead: boolean;
  /** The worker is stopped (SIGSTOP, a blocked event loop): it receives nothing until it resumes. */
  isFrozen: boolean;
}

/** Thrown at a failpoint that kills a worker, to end the current step. No other code observes this error. */
export class Killed extends Error {}
