/** Declares the commands of `projector config`, their options and their help. These commands connect to no server. */
import type {Command} from 'commander';
import type {CommandContext} from '../context.js';

export function addConfigCommands(program: Command, {environment, output, end}: CommandContext): void {
  const config = program.command('config').description('the settings: alone the same as `config print`');

  config
    .command('print', {isDefault: true})
    .description('every setting with its value and meaning; secrets are not printed')
    .option('--json', 'print JSON', false)
    .action(async (options: {json: boolean}) => {
      const {configPrint} = await import('./config.js');
      end(configPrint(options, {environment: environment(), output}));
    });

  config
    .command('check')
    .description('read all settings that a worker needs: ok, or every fault at once and exit 2')
    .option('--json', 'print JSON', false)
    .action(async (options: {json: boolean}) => {
      const {configCheck} = await import('./config.js');
      end(configCheck(options, {environment: environment(), output}));
    });

  config
    .command('schema')
    .description('JSON Schema of the environment')
    .action(async () => {
      const {configSchema} = await import('./configForms.js');
      output.line(JSON.stringify(configSchema(), null, 2));
    });

  config
    .command('example')
    .description('an example of an environment file, as .env.example')
    .action(async () => {
      const {configExample} = await import('./configForms.js');
      for (const line of configExample()) output.line(line);
    });
}
