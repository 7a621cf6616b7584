import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import type { CaseResult } from '../cases/harness/run-cases.ts'
import type { RunOrder } from '../cases/targets/run-order.ts'
import { bundleFileOf } from './bundle.ts'

/** Runs the cases in Node, Bun or Deno: `command` is the program and its arguments before the script. */
export async function runInChildProcess(command: string[], order: RunOrder): Promise<CaseResult[]> {
  const [program, ...args] = command
  const script = await bundleFileOf('cases/targets/process.ts')
  const child = spawn(program!, [...args, script, JSON.stringify(order)], { stdio: ['ignore', 'pipe', 'pipe'] })
  const [output, errors, [code]] = await Promise.all([text(child.stdout), text(child.stderr), once(child, 'close')])
  const lines = output.split('\n').filter((line) => line.startsWith('{'))
  if (code !== 0 || lines.length === 0) {
    throw new Error(`${command.join(' ')} ended with ${code} after ${lines.length} results.\n${errors}`)
  }
  return lines.map((line) => JSON.parse(line) as CaseResult)
}
