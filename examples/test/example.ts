import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { type InstalledRuntime, installed } from '../../conformance/runners/runtimes.ts'
import { bundleWorker } from './bundle-worker.ts'

export interface Example {
  name: string
  runtime: InstalledRuntime
  /** Gives the arguments for the runtime. */
  prepare(): string[] | Promise<string[]>
  /** Where its event stream is. Default: `/events`. */
  events?: string
}

const hubEvents = '/.well-known/mercure?match=guest-book&match=clock'

/** How each example is run, as its first lines say. */
export const examples: Example[] = [
  ...['express', 'fastify', 'koa', 'hono', 'http', 'http2'].map((name) => ({
    name,
    runtime: installed.node24,
    prepare: () => [script(name)],
  })),
  ...['hub-express', 'hub-fastify', 'hub-hono'].map((name) => ({
    name,
    runtime: installed.node24,
    prepare: () => [script(name)],
    events: hubEvents,
  })),
  { name: 'bun', runtime: installed.bun, prepare: () => [script('bun')] },
  {
    name: 'deno',
    runtime: installed.deno,
    prepare: () => ['run', '--allow-net', '--allow-read', '--allow-env', script('deno')],
  },
  { name: 'hub-bun', runtime: installed.bun, prepare: () => [script('hub-bun')], events: hubEvents },
  {
    name: 'hub-deno',
    runtime: installed.deno,
    prepare: () => ['run', '--allow-net', '--allow-read', '--allow-env', script('hub-deno')],
    events: hubEvents,
  },
  {
    name: 'workerd',
    runtime: installed.workerd,
    prepare: async () => ['serve', await bundleWorker(), '--control-fd=1'],
  },
]

function script(name: string): string {
  return fileURLToPath(new URL(`../${name}/server.ts`, import.meta.url))
}

/** An example in a process of its own. */
export class RunningExample {
  readonly url: URL
  readonly #process: ChildProcess
  readonly #output: string[]

  static async start({ name, runtime, prepare }: Example): Promise<RunningExample> {
    const child = spawn(runtime.path, await prepare(), { env: { ...process.env, PORT: '0' }, stdio: 'pipe' })
    const output: string[] = []
    const lines = createInterface({ input: child.stdout })
    lines.on('line', (line) => output.push(line))
    createInterface({ input: child.stderr }).on('line', (line) => output.push(line))
    const ended = once(child, 'exit').then(([code]) => {
      throw new Error(`The example ${name} ended with ${code} before it listened:\n${output.join('\n')}`)
    })
    for (;;) {
      const [line] = (await Promise.race([once(lines, 'line'), ended])) as [string]
      const [, url, port] = listening.exec(line) ?? []
      if (line === undefined || !(url ?? port)) continue
      return new RunningExample(child, new URL(url ?? `http://localhost:${port}`), output)
    }
  }

  private constructor(child: ChildProcess, url: URL, output: string[]) {
    this.#process = child
    this.url = url
    this.#output = output
  }

  /** Everything it has written, apart from the line that says where it listens. */
  get complaints(): string[] {
    return this.#output.filter((line) => !listening.test(line))
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

/** What the examples print, and what workerd does. */
const listening = /^Listening on (\S+)$|"event":"listen".*"port":(\d+)/
