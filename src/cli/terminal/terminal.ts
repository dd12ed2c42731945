/** Asks the person at the terminal, if there is a terminal. */
import {createInterface} from 'node:readline/promises';

export interface Terminal {
  /** Whether stdin and stderr are terminals. It is false in scripts, pipes and containers without a terminal. */
  readonly isInteractive: boolean;
  /** Asks one question. Resolves with the answer, or with '' if the input ends before it. */
  ask(question: string): Promise<string>;
}

export const standardTerminal: Terminal = {
  get isInteractive() {
    return process.stdin.isTTY && process.stderr.isTTY;
  },
  async ask(question) {
    // The question goes to stderr, because stdout is for data.
    const lines = createInterface({input: process.stdin, output: process.stderr});
    const closed = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
    try {
      return await Promise.race([lines.question(question), closed]);
    } finally {
      lines.close();
    }
  },
};
