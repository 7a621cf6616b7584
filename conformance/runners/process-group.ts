import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { text } from 'node:stream/consumers'

/** Kills the group as soon as nobody has the other end of its standard input, or the program has ended. */
const guard = '("$@"; kill -KILL 0) & read _; kill -KILL 0'

/** A program and all that it starts. They end with this process, even if it is killed. */
export class ProcessGroup {
  readonly #program: string
  readonly #guard: ChildProcess
  readonly #exited: Promise<unknown>
  readonly #errors: Promise<string>

  /** `env` is added to ours. */
  constructor(command: readonly [string, ...string[]], env: NodeJS.ProcessEnv = {}) {
    this.#program = command[0]
    this.#guard = spawn('/bin/sh', ['-c', guard, 'sh', ...command], {
      detached: true,
      stdio: ['pipe', 'ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    })
    this.#exited = once(this.#guard, 'exit')
    this.#errors = text(this.#guard.stderr!)
  }

  /** What the program writes to descriptor 3. */
  get descriptor3(): Readable {
    return this.#guard.stdio[3] as Readable
  }

  get hasEnded(): boolean {
    return this.#guard.exitCode !== null || this.#guard.signalCode !== null
  }

  /** Rejects when the program has ended. */
  async ended(): Promise<never> {
    throw new Error(`${this.#program} ended before it could be used. ${await this.#errors}`)
  }

  /** Kills all of them; resolves when they are gone. */
  async end(): Promise<void> {
    this.#guard.stdin!.end()
    await this.#exited
  }
}
