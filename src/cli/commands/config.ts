/** `projector config print|check|schema|example`: prints and checks the settings. It connects to no server and prints no secret. */
import type {Command} from 'commander';
import type {CommandContext} from '../context.js';
import type {ConfigCheckAnswer} from '../answers/operations.js';
import {EXIT} from '../../runtime/errorPolicy.js';
import type {Environment} from '../../config/config.js';
import {configFaults, readConfig} from '../../config/readConfig.js';
import {configExample, configSchema} from '../../config/forms.js';
import type {Setting} from '../../config/setting.js';
import {SETTINGS, WORKER_SETTINGS} from '../../config/settings.js';
import {unknownVariables} from '../../config/unknownVariables.js';
import {table, type Output} from '../terminal/output.js';

export function addConfig(program: Command, {environment, output, end}: CommandContext): void {
  const config = program.command('config').description('print and check the settings (default: print)');

  config
    .command('print', {isDefault: true})
    .description('print every setting with its value and meaning; secrets are redacted')
    .option('--json', 'print JSON', false)
    .action((options: {json: boolean}) => {
      end(configPrint(options, {environment: environment(), output}));
    });

  config
    .command('check')
    .description('check all settings of a worker: print ok, or every fault at once and exit with 2')
    .option('--json', 'print JSON', false)
    .action((options: {json: boolean}) => {
      end(configCheck(options, {environment: environment(), output}));
    });

  config
    .command('schema')
    .description('print a JSON Schema of the environment variables')
    .action(() => {
      output.line(JSON.stringify(configSchema(), null, 2));
    });

  config
    .command('example')
    .description('print an example of an environment file, the same as .env.example')
    .action(() => {
      for (const line of configExample()) output.line(line);
    });
}

interface Context {
  readonly environment: Environment;
  readonly output: Output;
}

export function configPrint({json}: {readonly json: boolean}, {environment, output}: Context): number {
  readConfig(environment, []);
  const settings: Setting<unknown>[] = Object.values(SETTINGS);
  const rows = settings.map((setting) => {
    const file = environment[`${setting.env}_FILE`] ?? '';
    const given = file === '' ? environment[setting.env] || undefined : `(from ${file})`;
    const shown = given !== undefined && setting.secret === true ? '<redacted>' : given;
    return {
      name: setting.env,
      value: shown ?? setting.default ?? null,
      default: setting.default ?? null,
      meaning: setting.desc,
    };
  });
  if (json) output.line(JSON.stringify(rows));
  else {
    const cells = rows.map((row) => [row.name, row.value ?? '(not set)', row.meaning]);
    for (const line of table(['setting', 'value', 'meaning'], cells)) output.line(line);
  }
  return EXIT.ok;
}

/** Checks the settings that a worker requires, all others that are set, and unknown variables. Prints one line for each fault. */
export function configCheck({json}: {readonly json: boolean}, {environment, output}: Context): number {
  const faults = [...configFaults(environment, WORKER_SETTINGS), ...unknownVariables(environment)];
  const answer: ConfigCheckAnswer = {ok: faults.length === 0, faults};
  if (json) output.line(JSON.stringify(answer));
  else if (faults.length === 0) output.line('ok');
  else for (const fault of faults) output.line(fault);
  return faults.length === 0 ? EXIT.ok : EXIT.usage;
}
