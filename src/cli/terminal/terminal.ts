/** The person at the terminal, if there is one. */
import {createInterface} from 'node:readline/promises';

export interface Terminal {
  /** False in scripts, pipes and containers without a terminal. */
  readonly isInteractive: boolean;
  /** Asks one question; resolves with the answer, '' when there is none. */
  ask(question: string): Promise<string>;
}

export const standardTerminal: Terminal = {
  get isInteractive() {
    return process.stdin.isTTY && process.stderr.isTTY;
  },
  async ask(question) {
    // On stderr: stdout is for data.
    const lines = createInterface({input: process.stdin, output: process.stderr});
    const closed = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
    try {
      return await Promise.race([lines.question(question), closed]);
    } finally {
      lines.close();
    }
  },
};
