/** `projector rebuild`: recreates the read model from the start of the topic. */
import {Option, type Command} from 'commander';
import {settingsOf, type CommandContext} from '../context.js';
import {requireNoTarget, STAGING, withReplaceOptions, type ReplaceOptions} from '../replacement/options.js';
import {ReplaceCommand} from '../replacement/replaceCommand.js';
import {rebuildReports} from '../replacement/reports.js';

export function addRebuild(program: Command, command: CommandContext): void {
  const {output, end} = command;
  const rebuild = program
    .command('rebuild')
    .description(
      `rebuild the read model from the start of the topic, ${STAGING}. Resumes an interrupted run`,
    );
  withReplaceOptions(rebuild)
    .addOption(
      new Option(
        '--reports',
        'only compute counters and reports again, from the orders in Redis (REDIS_LAYOUT=partitioned)',
      )
        .default(false)
        .conflicts(['target', 'targetFile', 'restart', 'quarantine', 'dryRun', 'json']),
    )
    .action(async (options: ReplaceOptions & {reports: boolean}) => {
      const config = settingsOf(command, ['brokers', 'redisUrl']);
      if (options.reports) {
        end(await rebuildReports({config, output}));
        return;
      }
      requireNoTarget(config, options);
      end(await new ReplaceCommand('rebuild', options, {config, output}).run());
    });
}
