import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort } from '../../runners/free-port.ts'

/** What readers read: how it is started, and how one publishes there and counts who reads. */
export interface ServerKind {
  readonly name: string
  /** The command that serves on a port, with its data in a directory; a line of its output that matches `ready` says that it does. */
  command(port: number, directory: string): string[]
  readonly ready: RegExp
  readonly streamPath: string
  publishRequest(data: string): { path: string; body: string | URLSearchParams }
  /** How many streams are open, by what is at this path. */
  readonly connectionsPath: string
  readonly connections: RegExp
}

const path = (relative: string) => fileURLToPath(new URL(relative, import.meta.url))
const heartbeatMs = '100'

/** The hub as its command. */
export const hub: ServerKind = {
  name: 'Headwater',
  command: (port, directory) => [
    ...[path('../../../packages/hub/dist/cli/main.js'), 'serve', '--dev'],
    ...['--listen', `127.0.0.1:${port}`, '--store', `file:${directory}`, '--log-level', 'error'],
  ],
  ready: /listening on/,
  streamPath: '/.well-known/mercure?match=rows',
  publishRequest: (data) => ({ path: '/.well-known/mercure', body: new URLSearchParams({ topic: 'rows', data }) }),
  connectionsPath: '/metrics',
  connections: /^headwater_subscribers (\d+)$/m,
}

export const hubWithHeartbeats: ServerKind = {
  ...hub,
  command: (port, directory) => [path('../servers/hub-with-heartbeats.mjs'), String(port), directory, heartbeatMs],
}

/** A plain server of event streams, to show what a library does on any. */
export const control: ServerKind = {
  name: 'a plain server',
  command: (port, directory) => [
    ...[path('../servers/control-server.mjs'), String(port)],
    ...[join(directory, 'events'), '15000'],
  ],
  ready: /listening/,
  streamPath: '/events?match=rows',
  publishRequest: (data) => ({ path: '/', body: data }),
  connectionsPath: '/connections',
  connections: /^(\d+)$/,
}

export const controlWithHeartbeats: ServerKind = {
  ...control,
  command: (port, directory) => [...control.command(port, directory).slice(0, -1), heartbeatMs],
}

/** A server that stops and comes back on the same port, with what it stored. */
export class RestartableServer {
  readonly #kind: ServerKind
  readonly #directory: string
  readonly #port: number
  #child: ChildProcess | undefined
  #portNow: number

  static async start(kind: ServerKind, directory: string): Promise<RestartableServer> {
    mkdirSync(directory, { recursive: true })
    const server = new RestartableServer(kind, directory, await freePort())
    await server.start()
    return server
  }

  private constructor(kind: ServerKind, directory: string, port: number) {
    this.#kind = kind
    this.#directory = directory
    this.#port = port
    this.#portNow = port
  }

  /** Where readers read. */
  get url(): string {
    return `http://127.0.0.1:${this.#port}${this.#kind.streamPath}`
  }

  async start(port = this.#port): Promise<void> {
    const child = spawn(process.execPath, this.#kind.command(port, this.#directory), {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let output = ''
    for await (const text of child.stdout.setEncoding('utf8')) {
      output += text
      if (this.#kind.ready.test(output)) break
    }
    if (!this.#kind.ready.test(output)) throw new Error(`${this.#kind.name} did not start: ${output}`)
    this.#child = child
    this.#portNow = port
  }

  /** Resolves when it is gone. */
  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child
    if (!child) return
    this.#child = undefined
    const exited = once(child, 'exit')
    child.kill(signal)
    await exited
  }

  /** Does something while readers cannot reach it: it runs on another port. */
  async whileOutOfReach(work: () => Promise<void>): Promise<void> {
    await this.start(await freePort())
    await work()
    await this.stop('SIGTERM')
    await this.start()
  }

  /** Publishes an event; gives its ID. */
  async publish(data: string): Promise<string> {
    const request = this.#kind.publishRequest(data)
    const response = await fetch(this.#at(request.path), { method: 'POST', body: request.body })
    const text = await response.text()
    if (response.status !== 200) throw new Error(`${this.#kind.name} refused an event: ${text}`)
    return text
  }

  async connections(): Promise<number> {
    const response = await fetch(this.#at(this.#kind.connectionsPath))
    return Number(this.#kind.connections.exec(await response.text())?.[1])
  }

  #at(pathname: string): string {
    return `http://127.0.0.1:${this.#portNow}${pathname}`
  }
}
