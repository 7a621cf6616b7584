import { Argument, Command } from 'commander'
import { completionScript, type Shell, shells } from './completion/scripts.ts'
import { completedCommands } from './completion/words.ts'

/** `program` has all commands by the time that this one runs. */
export function completionCommand(program: Command): Command {
  return new Command('completion')
    .summary('print a script that completes commands and options in your shell')
    .description(
      'Prints the script with which a shell completes the commands of headwater, their options, and what those take. In ~/.bashrc or, after compinit, ~/.zshrc: eval "$(headwater completion bash)". In fish, once: headwater completion fish > ~/.config/fish/completions/headwater.fish',
    )
    .addArgument(new Argument('<shell>', 'which shell').choices(shells))
    .addHelpText(
      'after',
      `
Examples:
  headwater completion bash
  headwater completion zsh
  headwater completion fish`,
    )
    .action((shell: Shell) => {
      process.stdout.write(completionScript(shell, completedCommands(program)))
    })
}
