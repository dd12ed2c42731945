/** The command line: runs the command that the arguments name, and turns an error into one line and an exit code. */
import {Command, CommanderError} from 'commander';
import type {Environment} from '../config/config.js';
import {ERROR_POLICY, EXIT} from '../runtime/errorPolicy.js';
import {asProjectorError} from '../runtime/errors.js';
import type {CommandContext} from './context.js';
import {addSettingFlags, isSecretFlag, withSettingFlags} from './settingFlags.js';
import {standardOutput, type Output} from './terminal/output.js';
import {version} from './version.js';

type AddCommand = (program: Command, context: CommandContext) => void;

/** The commands, in the order of the help. Only the named one is loaded, because the clients of all take 0.3 s to load. */
const COMMANDS: Readonly<Record<string, () => Promise<AddCommand>>> = {
  run: async () => (await import('./commands/run.js')).addRun,
  connector: async () => (await import('./commands/connector.js')).addConnector,
  status: async () => (await import('./commands/status.js')).addStatus,
  lag: async () => (await import('./commands/lag.js')).addLag,
  doctor: async () => (await import('./commands/doctor.js')).addDoctor,
  report: async () => (await import('./commands/report.js')).addReport,
  orders: async () => (await import('./commands/orders.js')).addOrders,
  offsets: async () => (await import('./commands/offsets.js')).addOffsets,
  rebuild: async () => (await import('./commands/rebuild.js')).addRebuild,
  sync: async () => (await import('./commands/sync.js')).addSync,
  verify: async () => (await import('./commands/verify.js')).addVerify,
  audit: async () => (await import('./commands/audit.js')).addAudit,
  dlq: async () => (await import('./commands/dlq.js')).addDlq,
  config: async () => (await import('./commands/config.js')).addConfig,
};

const HELP = `
Each setting is an environment variable and an option of every command. The option takes precedence.
\`projector config\` lists all settings, and \`--help-all\` lists their options.
A secret has no option for its value. Its option ends in \`-file\` and names a file that contains the value.
Exit codes: 0 success, 1 unexpected error, 2 invalid usage or settings, 3 differences found or no such order,
4 server not reachable, 5 halted.`;

const HELP_ALL = '--help-all';

/** Runs one command. Resolves with the exit code and never rejects. */
export async function main(
  argv: readonly string[],
  environment: Environment,
  output: Output = standardOutput,
): Promise<number> {
  muteKnownWarning();
  let exitCode: number = EXIT.ok;
  const showAll = argv.includes(HELP_ALL);
  try {
    const program = await createProgram(
      argv,
      {environment, output, end: (code) => (exitCode = code)},
      showAll,
    );
    await program.parseAsync(argv.map((word) => (word === HELP_ALL ? '--help' : word)));
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) {
      const flag = /'(--[\w-]+)/.exec(error.message)?.[1];
      if (isSecretFlag(flag))
        output.note(
          `${flag} is a secret, and every user of this machine can read command lines: use ${flag}-file <path> to read it from a file`,
        );
      return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    }
    const failure = asProjectorError(error);
    const {advice, exitCode: failureCode} = ERROR_POLICY[failure.kind];
    // A detail that quotes the message of a server may end with a full stop. It is removed, because the format adds one.
    output.note(`projector: ${failure.kind}: ${failure.detail.replace(/\.$/, '')}. ${advice}`);
    return failureCode;
  }
}

interface ProgramContext extends Omit<CommandContext, 'environment'> {
  readonly environment: Environment;
}

/**
 * Declares the commands that `argv` names, or all of them if it names none. If `showAll` is true, the help lists the options of all
 * settings, else those of basic settings.
 */
export async function createProgram(
  argv: readonly string[],
  {environment, output, end}: ProgramContext,
  showAll = false,
): Promise<Command> {
  const program = new Command('projector')
    .description('Keeps a Redis read model of orders exactly equal to MySQL, through Debezium and Kafka.')
    .version(version(), '--version')
    .configureOutput({
      writeOut: (text) => output.line(text.replace(/\n$/, '')),
      writeErr: (text) => output.note(withoutSecrets(text.replace(/\n$/, ''))),
    })
    .exitOverride()
    .addHelpText('after', HELP);
  const context = {environment: () => withSettingFlags(environment, program), output, end};

  const named = Object.keys(COMMANDS).filter((name) => argv.includes(name));
  for (const name of named.length > 0 ? named : Object.keys(COMMANDS))
    (await COMMANDS[name]?.())?.(program, context);
  addSettingFlags(program, {showAll});
  return program;
}

/** commander repeats the values of options. The value of an unknown option may be a secret, and a URL may contain a user and a password. */
function withoutSecrets(message: string): string {
  return message.replace(/(--[\w-]+=)[^']*/, '$1...').replace(/\/\/[^']*@/, '//...@');
}

/**
 * Suppresses one warning of Node 24 and later. kafkajs 2.2.4 starts timers with negative delays, and Node reports each of them on
 * stderr. The warning has no effect on the worker, and only kafkajs could prevent it.
 */
function muteKnownWarning(): void {
  const emit = process.emitWarning.bind(process) as (...args: unknown[]) => void;
  process.emitWarning = (...args: unknown[]): void => {
    const [warning, type] = args;
    const name = warning instanceof Error ? warning.name : type;
    if (name !== 'TimeoutNegativeWarning') emit(...args);
  };
}
