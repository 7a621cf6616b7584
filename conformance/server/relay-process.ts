import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { pinnedNode } from '../runners/runtimes.ts'

/** `relay.ts` as a process that can be killed and started again on the same port. */
export class RelayProcess {
  readonly #port: number
  readonly #upstreamPort: number
  #child: ChildProcess | undefined

  constructor(port: number, upstreamPort: number) {
    this.#port = port
    this.#upstreamPort = upstreamPort
  }

  /** Resolves when it listens. */
  async start(): Promise<void> {
    const args = [fileURLToPath(new URL('relay.ts', import.meta.url)), `${this.#port}`, `${this.#upstreamPort}`]
    const child = spawn(pinnedNode(), args, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#child = child
    await Promise.race([
      once(child.stdout, 'data'),
      once(child, 'exit').then(([code]) => Promise.reject(new Error(`relay.ts ended with ${code} before listening`))),
    ])
  }

  /** SIGKILL; resolves when the process is gone, and with it its sockets. */
  async kill(): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
}
