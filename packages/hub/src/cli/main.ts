import { CommanderError } from 'commander'
import { HubError } from '../base/errors.ts'
import { exitCodeOf } from './exit-code.ts'
import { createProgram } from './program.ts'

// The reader of our output may stop at any time: `headwater tail … | head`. That of what we say beside it,
// too, which is no reason to stop.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0)
  throw error
})
process.stderr.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

try {
  await createProgram().parseAsync()
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
  if (error instanceof HubError) {
    console.error(`headwater: ${error.message}`)
    return exitCodeOf(error)
  }
  // What the system refuses: a file that may not be read, a disk that is full.
  if (error instanceof Error && 'syscall' in error) {
    console.error(`headwater: ${error.message}`)
    return 1
  }
  throw error
}
