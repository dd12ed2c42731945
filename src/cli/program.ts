/** The command line: arguments to commands, errors to one line and an exit code. */
import {Command, CommanderError} from 'commander';
import {readConfig, type Environment} from '../config.js';
import {ERROR_POLICY, EXIT} from '../errorPolicy.js';
import {asProjectorError} from '../errors.js';
import {config} from './config.js';
import {connector, type ConnectorAction} from './connector.js';
import {addDlqCommands} from './dlqCommands.js';
import {standardOutput, type Output} from './output.js';
import {addReadCommands} from './readCommands.js';
import {addReplaceCommands} from './replaceCommands.js';
import {run} from './run.js';
import {addVerifyCommand} from './verifyCommand.js';
import {version} from './version.js';

/** Runs one command; resolves with the exit code, never rejects. */
export async function main(
  argv: readonly string[],
  environment: Environment,
  output: Output = standardOutput,
): Promise<number> {
  muteKnownWarning();
  let exitCode: number = EXIT.ok;
  const program = createProgram(environment, output, (code) => (exitCode = code));
  try {
    await program.parseAsync([...argv]);
    return exitCode;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    const failure = asProjectorError(error);
    const {advice, exitCode: failureCode} = ERROR_POLICY[failure.kind];
    // Details that hold a server's own words may end in a full stop already.
    output.note(`projector: ${failure.kind}: ${failure.detail.replace(/\.$/, '')}. ${advice}`);
    return failureCode;
  }
}

function createProgram(environment: Environment, output: Output, end: (exitCode: number) => void): Command {
  const program = new Command('projector')
    .description('Keeps a Redis read model of orders exactly equal to MySQL, through Debezium and Kafka.')
    .version(version(), '--version')
    .exitOverride()
    .addHelpText(
      'after',
      '\nSettings come from the environment; `projector config` lists them.\nExit codes: 0 ok, 1 unexpected, 2 usage or settings, 3 differences found, or no such order, 4 a server is not reachable, 5 halted.',
    );

  program
    .command('run')
    .description('work until stopped: Kafka in, Redis out')
    .action(async () => end(await run(readConfig(environment, ['brokers', 'redisUrl']))));

  const connectors = program.command('connector').description('the Debezium connector before the worker');
  const actions: Record<ConnectorAction, string> = {
    apply: 'create the topic where it is missing, create or change the connector, wait until it runs',
    status: 'show its state, and the trace when it has failed',
    restart: 'restart it and its task, wait until it runs',
    delete: 'delete it; its topics stay',
  };
  for (const [action, description] of Object.entries(actions) as [ConnectorAction, string][]) {
    connectors
      .command(action)
      .description(description)
      .option('--file <path>', 'connector file (default: connectors/orders.json)')
      .option('--json', 'print JSON', false)
      .action(async (options: {file?: string; json: boolean}) => {
        const settings = readConfig(environment, ['connectUrl']);
        end(await connector(action, {file: options.file, json: options.json}, {config: settings, output}));
      });
  }

  addReadCommands(program, {environment, output, end});
  addReplaceCommands(program, {environment, output, end});
  addVerifyCommand(program, {environment, output, end});
  addDlqCommands(program, {environment, output, end});

  program
    .command('config')
    .description('every setting with its value and meaning; secrets are not printed')
    .option('--json', 'print JSON', false)
    .action((options: {json: boolean}) => end(config(options, {environment, output})));
  return program;
}

/** kafkajs 2.2.4 arms timers with negative times, which Node 24 and later report on stderr; harmless, and not ours. */
function muteKnownWarning(): void {
  process.removeAllListeners('warning');
  process.on('warning', (warning) => {
    if (warning.name !== 'TimeoutNegativeWarning')
      process.stderr.write(`${warning.name}: ${warning.message}\n`);
  });
}
