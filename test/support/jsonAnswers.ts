/** Checks JSON answers of commands and of a worker against their schemas, which allow no unknown field here. */
import {z} from 'zod';
import {ANSWERS, type AnswerName} from '../../src/cli/answers/answers.js';

/** Throws if one of the lines is not an answer of this kind. The error names fields and no values. */
export function requireAnswers(name: AnswerName, output: string): void {
  for (const line of output.trim().split('\n')) {
    const {error} = ANSWERS[name].schema.safeParse(JSON.parse(line));
    if (error !== undefined) throw new Error(`this is no ${name}.schema.json:\n${z.prettifyError(error)}`);
  }
}

/** The schema of what `projector ARGS` prints. Undefined without `--json`. */
export function answerOf(args: readonly string[]): AnswerName | undefined {
  if (!args.includes('--json')) return undefined;
  const [command = '', next = ''] = args;
  const names = [`${command}-${next}`, command, ...(ALIASES[command] ?? [])];
  const name = args.includes('--watch') ? 'lag-watch' : names.find((known) => Object.hasOwn(ANSWERS, known));
  if (name === undefined) throw new Error(`projector ${command} ${next} --json has no schema`);
  return name as AnswerName;
}

const ALIASES: Readonly<Record<string, readonly string[]>> = {
  config: ['config-print'],
  rebuild: ['replacement'],
  sync: ['replacement'],
};
