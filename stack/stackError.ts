/** Exit codes of the stack commands. They equal those of the worker: 2 is wrong usage, 4 is a missing dependency. */
export const EXIT_CODE = {
  unexpected: 1,
  usage: 2,
  unavailable: 4,
  interrupted: 130,
  terminated: 143,
} as const;

/** A failure that the user can fix. The message is a full sentence and is printed without a stack trace. */
export class StackError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number = EXIT_CODE.unexpected) {
    super(message);
    this.name = 'StackError';
    this.exitCode = exitCode;
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
