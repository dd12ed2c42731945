/** Declares the commands of `projector connector`, their options and their help. */
import type {Command} from 'commander';
import {settingsOf, type CommandContext} from '../context.js';
import type {ConnectorAction} from './connector.js';

const ACTIONS: Record<ConnectorAction, string> = {
  apply: 'create the topic where it is missing, create or change the connector, wait until it runs',
  status: 'show its state, and the trace when it has failed',
  restart: 'restart it and its task, wait until it runs',
  delete: 'delete it; its topics stay',
};

export function addConnectorCommands(program: Command, command: CommandContext): void {
  const connectors = program.command('connector').description('the Debezium connector before the worker');
  for (const [action, description] of Object.entries(ACTIONS) as [ConnectorAction, string][]) {
    connectors
      .command(action)
      .description(description)
      .option('--file <path>', 'connector file (default: connectors/orders.json)')
      .option('--json', 'print JSON', false)
      .action(async ({file, json}: {file?: string; json: boolean}) => {
        const config = settingsOf(command, ['connectUrl']);
        const {connector} = await import('./connector.js');
        command.end(await connector(action, {file, json}, {config, output: command.output}));
      });
  }
}
