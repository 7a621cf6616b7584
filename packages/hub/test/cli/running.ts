import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process'
import { once } from 'node:events'
import { onTestFinished } from 'vitest'
import { headwaterCommand } from '../from-source.ts'

/** A running `headwater` command, ended with its test. */
export class Running {
  readonly child: ChildProcessWithoutNullStreams
  stdout = ''
  stderr = ''
  readonly #exited: Promise<unknown>

  constructor(parameters: readonly string[], cwd?: string) {
    this.child = spawn(process.execPath, [...headwaterCommand, ...parameters], { stdio: 'pipe', cwd })
    this.child.stdout.setEncoding('utf8').on('data', (text) => {
      this.stdout += text
    })
    this.child.stderr.setEncoding('utf8').on('data', (text) => {
      this.stderr += text
    })
    // A command that ends does not read what is still written to it.
    this.child.stdin.on('error', () => {})
    this.#exited = once(this.child, 'close')
    onTestFinished(async () => {
      this.child.kill('SIGKILL')
      await this.#exited
    })
  }

  /** Waits for a text on standard output or error, and gives what the pattern matched. */
  async said(pattern: RegExp, from: 'stdout' | 'stderr' = 'stdout'): Promise<RegExpExecArray> {
    for (;;) {
      const match = pattern.exec(this[from])
      if (match) return match
      await Promise.race([once(this.child[from], 'data'), this.#exited])
      const end = this.child.exitCode ?? this.child.signalCode
      if (end !== null && !pattern.test(this[from])) {
        throw new Error(`headwater exited with ${end} and never said ${pattern}:\n${this.stdout}${this.stderr}`)
      }
    }
  }

  /** Waits for the end: the exit code, or the signal. */
  async ended(): Promise<number | string | null> {
    await this.#exited
    return this.child.exitCode ?? this.child.signalCode
  }
}

/** A hub that listens. */
export type RunningHub = Running & { readonly url: string }

export function headwater(...parameters: string[]): Running {
  return new Running(parameters)
}

/** A hub in a process of its own: with `--dev`, as most tests need it. */
export function startHub(...flags: string[]): Promise<RunningHub> {
  return serveHub('--dev', ...flags)
}

/** A hub in a process of its own: on a free port and in memory, unless the flags say otherwise. */
export async function serveHub(...flags: string[]): Promise<RunningHub> {
  const hub = headwater('serve', '--listen', ':0', '--store', 'memory:', ...flags)
  const [, url] = await hub.said(/^headwater listening on (https?:\S+)\n$/)
  return Object.assign(hub, { url: url! })
}
