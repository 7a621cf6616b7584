import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type InstalledRuntime, installed } from '../../conformance/runners/runtimes.ts'

/** How each example is run, as its first line says. */
export const examples: { name: string; runtime: InstalledRuntime; args: string[] }[] = [
  { name: 'express', runtime: installed.node24, args: [] },
  { name: 'fastify', runtime: installed.node24, args: [] },
  { name: 'koa', runtime: installed.node24, args: [] },
  { name: 'hono', runtime: installed.node24, args: [] },
  { name: 'http', runtime: installed.node24, args: [] },
  { name: 'http2', runtime: installed.node24, args: [] },
  { name: 'bun', runtime: installed.bun, args: [] },
  { name: 'deno', runtime: installed.deno, args: ['run', '--allow-net', '--allow-read', '--allow-env'] },
]

/** An example in a process of its own. */
export class RunningExample {
  readonly url: URL
  readonly #process: ChildProcess
  readonly #output: string[]

  static async start({ name, runtime, args }: (typeof examples)[number]): Promise<RunningExample> {
    const script = fileURLToPath(new URL(`../${name}/server.ts`, import.meta.url))
    const child = spawn(runtime.path, [...args, script], { env: { ...process.env, PORT: '0' }, stdio: 'pipe' })
    const output: string[] = []
    const lines = createInterface({ input: child.stdout })
    lines.on('line', (line) => output.push(line))
    createInterface({ input: child.stderr }).on('line', (line) => output.push(line))
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`The example ${name} ended with ${code} before it listened:\n${output.join('\n')}`)
    })
    for (;;) {
      const [line] = (await Promise.race([once(lines, 'line'), ended])) as [string]
      const [, url] = /^Listening on (\S+)$/.exec(line) ?? []
      if (url) {
        ended.catch(() => {})
        return new RunningExample(child, new URL(url), output)
      }
    }
  }

  private constructor(child: ChildProcess, url: URL, output: string[]) {
    this.#process = child
    this.url = url
    this.#output = output
  }

  /** Everything it has written, apart from the line that says where it listens. */
  get complaints(): string[] {
    return this.#output.filter((line) => !line.startsWith('Listening on '))
  }

  /** Asks it to stop, and resolves to its exit code, or the signal it died of. */
  async stop(): Promise<number | string> {
    if (this.#process.exitCode !== null) return this.#process.exitCode
    this.#process.kill('SIGTERM')
    const [code, signal] = (await once(this.#process, 'exit')) as [number | null, string | null]
    return code ?? String(signal)
  }

  kill(): void {
    this.#process.kill('SIGKILL')
  }
}
