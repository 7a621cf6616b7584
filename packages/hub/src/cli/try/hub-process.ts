import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { HubError } from '../../base/errors.ts'

/** A hub in a process of its own, to be stopped, killed and started again on the same directory and port. */
export class HubProcess {
  readonly port: number
  readonly directory: string
  #child: ChildProcess | undefined

  constructor(port: number, directory: string) {
    this.port = port
    this.directory = directory
  }

  get isRunning(): boolean {
    return this.#child !== undefined
  }

  get pid(): number | undefined {
    return this.#child?.pid
  }

  /** Resolves when it listens. `onEnd` is called when it ends without having been told to. */
  async start(onEnd: (how: string) => void): Promise<void> {
    const parameters = ['serve', '--dev', '--listen', `127.0.0.1:${this.port}`, '--store', `file:${this.directory}`]
    // As this process was started: from the sources too.
    const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, ...parameters], {
      stdio: ['ignore', 'pipe', 'pipe'],
      // A Ctrl-C is for this process, which then ends the hub.
      detached: true,
      env: { ...process.env, HEADWATER_CONFIG: undefined },
      cwd: this.directory,
    })
    this.#child = child
    let log = ''
    child.stderr.setEncoding('utf8').on('data', (text) => {
      log = `${log}${text}`.slice(-4000)
    })
    child.once('exit', (code, signal) => {
      if (this.#child !== child) return
      this.#child = undefined
      onEnd(`it ended with ${signal ?? code}: ${log.trim().split('\n').at(-1)}`)
    })
    const ended = once(child, 'exit').then(() => {
      throw new HubError('LISTEN_FAILED', `The hub did not start: ${log.trim().split('\n').at(-1)}`)
    })
    ended.catch(() => {})
    await Promise.race([once(child.stdout, 'data'), ended])
  }

  /** Ends it, by `SIGKILL` as a power loss would, or in order. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    const child = this.#child
    if (!child) return
    this.#child = undefined
    child.kill(signal)
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }

  /** Does not wait: for when this process exits. */
  kill(): void {
    this.#child?.kill('SIGKILL')
  }
}

/** The port, or if that is in use any free one. */
export async function freePort(wanted: number): Promise<number> {
  for (const port of [wanted, 0]) {
    const server = createServer()
    const found = await new Promise<number | undefined>((resolve) => {
      server.once('error', () => resolve(undefined))
      server.listen(port, '127.0.0.1', () => resolve((server.address() as AddressInfo).port))
    })
    if (found === undefined) continue
    await new Promise((resolve) => server.close(resolve))
    return found
  }
  throw new HubError('LISTEN_FAILED', 'There is no free port on 127.0.0.1.')
}
