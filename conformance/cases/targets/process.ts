/** Node, Bun and Deno: the order is the last argument, each result a line of JSON on standard output. */
import { UncaughtErrors } from '../harness/uncaught-errors.ts'
import { carryOut, type RunOrder } from './run-order.ts'

/** The little of the process that all three have; the cases compile without the types of any. */
declare const process: {
  argv: string[]
  on(event: 'uncaughtException', listener: (error: unknown) => void): void
  exit(code: number): never
  stdout: { write(text: string, done: () => void): void }
}

const uncaught = new UncaughtErrors()
process.on('uncaughtException', (error) => uncaught.add(error))
// Deno reports as browsers do; Node and Bun have no such event.
globalThis.addEventListener?.('error', (event) => {
  event.preventDefault()
  uncaught.add(event.error)
})

const results = await carryOut(JSON.parse(process.argv.at(-1)!) as RunOrder, uncaught)
process.stdout.write(results.map((result) => `${JSON.stringify(result)}\n`).join(''), () => process.exit(0))
