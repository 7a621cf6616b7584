import { Command, CommanderError } from 'commander'
import { HubError } from '../base/errors.ts'
import { version } from '../base/version.ts'
import { benchCommand } from './bench.ts'
import { completionCommand } from './completion.ts'
import { doctorCommand } from './doctor.ts'
import { exitCodeOf } from './exit-code.ts'
import { historyCommand } from './history.ts'
import { initCommand } from './init.ts'
import { publishCommand } from './publish.ts'
import { serveCommand } from './serve/serve.ts'
import { storeCommand } from './store.ts'
import { tailCommand } from './tail.ts'
import { tokenCommand } from './token.ts'
import { traceCommand } from './trace.ts'
import { topCommand } from './top.ts'
import { tryCommand } from './try.ts'
import { version } from './version.ts'
import { vitalsCommand } from './vitals.ts'

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
  command
    .exitOverride()
    .showHelpAfterError(`(headwater ${command === program ? '' : `${command.name()} `}--help for more)`)
}

// The reader of our output may stop at any time: `headwater tail … | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})

try {
  await program.parseAsync()
} catch (error) {
  process.exitCode = report(error)
}

/**
 * Prints the error on one line, and returns the exit code: 2 if we were called incorrectly, 1 for
 * everything else.
 */
function report(error: unknown): number {
  // Commander has printed it already.
  if (error instanceof CommanderError) return error.exitCode === 0 || error.code === 'commander.help' ? 0 : 2
  if (!(error instanceof HubError)) throw error
  console.error(`headwater: ${error.message}`)
  return exitCodeOf(error)
}
