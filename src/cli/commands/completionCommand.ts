/** Declares `projector completion bash|zsh|fish`, which prints the completion script for a shell. */
import {Argument, type Command} from 'commander';
import type {CommandContext} from '../context.js';

const HELP = `
  bash: source <(projector completion bash)     in ~/.bashrc
  zsh:  source <(projector completion zsh)      in ~/.zshrc, behind compinit
  fish: projector completion fish | source      in ~/.config/fish/config.fish
The name that is completed is \`projector\`: an alias, a link or npm's own bin.`;

export function addCompletionCommand(program: Command, {output}: CommandContext): void {
  program
    .command('completion')
    .description('a script that completes commands and options in a shell')
    .addArgument(new Argument('<shell>', 'of this shell').choices(['bash', 'zsh', 'fish']))
    .addHelpText('after', HELP)
    .action(async (shell: 'bash' | 'zsh' | 'fish') => {
      const {completionScript} = await import('./completion.js');
      for (const line of completionScript(program, shell)) output.line(line);
    });
}
