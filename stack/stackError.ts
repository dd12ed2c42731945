/** Exit codes of the launcher; the same numbers as the worker's (docs: 2 usage, 4 dependency not there). */
export const EXIT_CODE = {
  unexpected: 1,
  usage: 2,
  unavailable: 4,
  interrupted: 130,
  terminated: 143,
} as const;

/** A failure the user can act on: the message is a full sentence, printed without a stack trace. */
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
