/** `projector rebuild`: recreates the read model from the start of the topic. */
import type {Command} from 'commander';
import {settingsOf, type CommandContext} from '../context.js';
import {requireSingleLayout} from '../keyLayout.js';
import {
  ReplaceCommand,
  STAGING,
  withReplaceOptions,
  type ReplaceOptions,
} from '../replacement/replaceCommand.js';

export function addRebuild(program: Command, command: CommandContext): void {
  const {output, end} = command;
  const rebuild = program
    .command('rebuild')
    .description(`rebuild the read model from the start of the topic ${STAGING}. Resumes an interrupted run`);
  withReplaceOptions(rebuild).action(async (options: ReplaceOptions) => {
    const config = settingsOf(command, ['brokers', 'redisUrl']);
    requireSingleLayout(config, 'rebuild');
    end(await new ReplaceCommand('rebuild', options, {config, output}).run());
  });
}
