import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { createInterface } from 'node:readline'
import type { BuiltExample, Command } from './install.ts'

/** A bound for what hangs. */
const longestStartMs = 180_000

/** What a run that is broken off leaves behind would run for ever, in groups of its own. */
const running = new Set<RunningExample>()
process.once('exit', () => {
  for (const example of running) example.kill()
})

/** The server of a built example, in a process of its own. */
export class RunningExample {
  readonly origin: string
  /** Everything it has printed. */
  readonly output: string[] = []
  readonly #process: ChildProcess

  /** Resolves when it answers. */
  static start(example: BuiltExample, port: number): Promise<RunningExample> {
    return new RunningExample(example, port, example.start, { NODE_ENV: 'production' }).#answers()
  }

  /** The same, by the framework's development server. */
  static develop(example: BuiltExample, command: Command, port: number): Promise<RunningExample> {
    return new RunningExample(example, port, [...command, '--port', String(port)], {}).#answers()
  }

  private constructor(
    { folder, env }: BuiltExample,
    port: number,
    [command, ...args]: Command,
    mode: { NODE_ENV?: string },
  ) {
    this.origin = `http://localhost:${port}`
    // In a group of its own, as in a terminal: a development server has children.
    this.#process = spawn(command, args, {
      cwd: folder,
      env: { ...env, ...mode, PORT: String(port), HOST: 'localhost' },
      stdio: 'pipe',
      detached: true,
    })
    for (const stream of [this.#process.stdout!, this.#process.stderr!]) {
      createInterface({ input: stream }).on('line', (line) => this.output.push(line))
    }
  }

  async #answers(): Promise<this> {
    running.add(this)
    const began = performance.now()
    for (;;) {
      if (this.#process.exitCode !== null || this.#process.signalCode !== null) {
        throw new Error(`It ended before it listened:\n${this.output.join('\n')}`)
      }
      const status = await fetch(this.origin).then(
        (response) => response.status,
        () => undefined,
      )
      if (status === 200) return this
      if (status || performance.now() - began > longestStartMs) {
        this.kill()
        throw new Error(`Its page is answered with ${status ?? 'nothing'}:\n${this.output.join('\n')}`)
      }
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }

  /** Asks it to stop, and resolves to how it ended: its exit code, or the signal it died of. */
  async stop(): Promise<{ how: number | string; seconds: number }> {
    const began = performance.now()
    const exit = once(this.#process, 'exit') as Promise<[number | null, string | null]>
    this.#process.kill('SIGTERM')
    const [code, signal] = await exit
    return { how: code ?? String(signal), seconds: (performance.now() - began) / 1000 }
  }

  /** As Ctrl-C in its terminal. Resolves when it has ended. */
  async interrupt(): Promise<void> {
    const exit = once(this.#process, 'exit')
    process.kill(-this.#process.pid!, 'SIGINT')
    await exit
  }

  /** Ends it and its children, whatever they do. */
  kill(): void {
    try {
      process.kill(-this.#process.pid!, 'SIGKILL')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
    }
  }
}

/** A port on which nothing listens: no framework of the list prints in one way which it chose for 0. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, 'localhost')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
