/** Declares the commands of `projector dlq`, their options and their help. */
import type {Command} from 'commander';
import {settingsOf, type CommandContext} from '../context.js';
import type {DlqContext} from './dlq.js';

export function addDlqCommands(program: Command, command: CommandContext): void {
  const {output, end} = command;
  const dlq = program
    .command('dlq')
    .description('the records that were set aside because they could not be applied');
  const context = (): DlqContext => ({config: settingsOf(command, ['redisUrl']), output});

  dlq
    .command('list')
    .description('places, reasons and order ids; no keys, no values')
    .option('--json', 'print a JSON array', false)
    .action(async (options: {json: boolean}) => {
      const {dlqList} = await import('./dlq.js');
      end(await dlqList(options, context()));
    });

  dlq
    .command('show')
    .description('everything of one entry, with key and value as far as they are kept: this is customer data')
    .argument('<name>', 'topic:partition:offset, as `dlq list` prints it')
    .option('--json', 'print JSON', false)
    .action(async (name: string, options: {json: boolean}) => {
      const {dlqShow} = await import('./dlq.js');
      end(await dlqShow({name, ...options}, context()));
    });

  dlq
    .command('drop')
    .description('remove entries; their orders stay as they are. Asks first')
    .argument('[name...]', 'topic:partition:offset, as `dlq list` prints it')
    .option('--all', 'all entries', false)
    .option('--yes', 'do not ask', false)
    .option('--json', 'print JSON', false)
    .action(async (names: string[], options: {all: boolean; yes: boolean; json: boolean}) => {
      const {dlqDrop} = await import('./dlq.js');
      end(await dlqDrop({names, ...options}, context()));
    });

  dlq
    .command('replay')
    .description(
      'rebuild the orders of these records, at the position of the workers: from MySQL where MYSQL_URL is set, else from the log',
    )
    .argument('[name...]', 'topic:partition:offset, as `dlq list` prints it')
    .option('--all', 'all entries; goes on after one that cannot be replayed, and then exits with 5', false)
    .option('--json', 'print one JSON object per entry, one a line', false)
    .action(async (names: string[], options: {all: boolean; json: boolean}) => {
      const {dlqReplay} = await import('./dlqReplay.js');
      const config = settingsOf(command, ['brokers', 'redisUrl']);
      end(await dlqReplay({names, ...options}, {config, output}));
    });
}
