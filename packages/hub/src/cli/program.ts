import { Command } from 'commander'
import { version } from '../base/version.ts'
import { benchCommand } from './bench.ts'
import { completionCommand } from './completion.ts'
import { doctorCommand } from './doctor.ts'
import { historyCommand } from './history.ts'
import { initCommand } from './init.ts'
import { publishCommand } from './publish.ts'
import { serveCommand } from './serve/serve.ts'
import { storeCommand } from './store.ts'
import { tailCommand } from './tail.ts'
import { tokenCommand } from './token.ts'
import { topCommand } from './top.ts'
import { traceCommand } from './trace.ts'
import { tryCommand } from './try.ts'
import { vitalsCommand } from './vitals.ts'

/** The command line, with all of its commands. Errors are thrown, and nothing exits the process. */
export function createProgram(): Command {
  const program = new Command('headwater')
    .description(
      'A hub for Server-Sent Events: it stores every published event, and sends each subscriber exactly what it missed.',
    )
    .version(version)
    .addCommand(tryCommand())
    .addCommand(serveCommand())
    .addCommand(publishCommand())
    .addCommand(tailCommand())
    .addCommand(initCommand())
    .addCommand(topCommand())
    .addCommand(historyCommand())
    .addCommand(benchCommand())
    .addCommand(tokenCommand())
    .addCommand(vitalsCommand())
    .addCommand(doctorCommand())
    .addCommand(traceCommand())
    .addCommand(storeCommand())
    .addHelpText(
      'after',
      `
Try it, in three terminals:
  headwater serve --dev
  headwater tail -t log
  headwater publish -t log 'hello'`,
    )
  program.addCommand(completionCommand(program))
  for (const command of [program, ...program.commands.flatMap((each) => [each, ...each.commands])]) {
    command.exitOverride().showHelpAfterError(`(${pathOf(command)} --help for more)`)
  }
  return program
}

/** The words that call a command: `headwater history list`. */
export function pathOf(command: Command): string {
  return command.parent ? `${pathOf(command.parent)} ${command.name()}` : command.name()
}
