import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { type Message, rowOf } from './message.ts'
import type { Reader } from './readers.ts'

/** A reader that runs. */
export class ReaderProcess {
  readonly reader: Reader
  readonly messages: Message[] = []
  /** When the last row came, by `performance.now()`. */
  lastAt = performance.now()
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown>

  /** What it writes to standard error goes to `logFile`. */
  constructor(reader: Reader, url: string, savedId: string | undefined, logFile: string) {
    this.reader = reader
    const [program, ...parameters] = reader.command
    this.#child = spawn(program!, [...parameters, url, ...(savedId === undefined ? [] : [savedId])], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#ended = once(this.#child, 'close')
    this.#child.stderr!.pipe(createWriteStream(logFile))
    createInterface(this.#child.stdout!).on('line', (line) => {
      const message = JSON.parse(line) as Message
      // Heartbeats are messages to some, and some reconnect while nothing comes and get a position each time.
      if (rowOf(message) !== undefined) this.lastAt = performance.now()
      this.messages.push(message)
    })
  }

  /** Whether it ended by itself. */
  get hasEnded(): boolean {
    return this.#child.exitCode !== null || this.#child.signalCode !== null
  }

  async stop(): Promise<void> {
    if (!this.hasEnded) this.#child.kill('SIGKILL')
    await this.#ended
  }
}
