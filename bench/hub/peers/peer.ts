import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { descend } from '../process-tree.ts'

/** A server that the benchmark compares: how to start it, and how to talk to it. */
export interface Peer {
  readonly name: string
  /** A description for the table's legend. */
  readonly description: string
  /**
   * The peer whose scenarios it runs, if it is another version of that peer. Default: its own name.
   */
  readonly versionOf?: string
  start(options: StartOptions): Promise<RunningPeer>
}

export interface StartOptions {
  /** A directory of its own, which is removed afterwards. */
  readonly directory: string
  /** The directory for profiles, if the peer runs on Node. */
  readonly profileDirectory: string | undefined
  /** Whether to count what the main thread allocates, if the peer runs on Node. */
  readonly countsAllocation?: boolean
}

export interface RunningPeer {
  readonly port: number
  readonly pid: number
  /** What exactly it is, if the description leaves that open. */
  readonly note?: string
  /** The request that publishes an event. */
  publishRequest(event: PublishedEvent): string
  /** The request for the events of a topic, from this ID on. */
  subscribeRequest(topic: string, lastEventId?: string): string
  /** The bytes that the main thread has allocated on its heap so far. Only if that is counted. */
  readonly allocatedBytes?: () => Promise<number>
  stop(): Promise<void>
}

export interface PublishedEvent {
  readonly topic: string
  readonly data: string
}

/** The heartbeat interval of the peers. */
export const heartbeatMs = 10_000

/**
 * A process of the benchmark. It ends with the benchmark, and by itself after a while, whatever
 * happens.
 */
export class PeerProcess {
  readonly child: ChildProcess
  #output = ''

  constructor(command: string, args: readonly string[], { lifetimeSeconds = 900 }: ProcessOptions = {}) {
    this.child = spawn('timeout', ['--kill-after=5', String(lifetimeSeconds), command, ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.child.stdout?.setEncoding('utf8').on('data', (text) => this.#note(text))
    this.child.stderr?.setEncoding('utf8').on('data', (text) => this.#note(text))
    running.add(this)
    this.child.once('exit', () => running.delete(this))
  }

  get pid(): number {
    return this.child.pid!
  }

  /** The end of its output. */
  get output(): string {
    return this.#output
  }

  /**
   * Resolves to the match when the process has written it. Rejects when the process ends first, or
   * after a minute.
   */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    const signal = AbortSignal.timeout(startMs)
    for (;;) {
      const match = pattern.exec(this.#output)
      if (match) return match
      this.#assertRunning(signal)
      await wait(20)
    }
  }

  /**
   * Resolves when a port accepts connections. Rejects when the process ends first, or after a
   * minute.
   */
  async listensOn(port: number): Promise<void> {
    const signal = AbortSignal.timeout(startMs)
    while (!(await canConnect(port))) {
      this.#assertRunning(signal)
      await wait(20)
    }
  }

  /** Sends a signal to the process itself, not to `timeout`, which runs it. */
  signal(name: NodeJS.Signals): void {
    const [, pid] = descend(this.pid)
    if (pid !== undefined) process.kill(pid, name)
  }

  async stop(): Promise<void> {
    if (this.child.exitCode !== null || this.child.signalCode !== null) return
    const exited = once(this.child, 'exit')
    this.child.kill('SIGTERM')
    const timer = setTimeout(() => this.killTree(), 15_000)
    await exited
    clearTimeout(timer)
  }

  killTree(): void {
    for (const pid of descend(this.pid).reverse()) process.kill(pid, 'SIGKILL')
  }

  #assertRunning(signal: AbortSignal): void {
    if (this.child.exitCode === null && !signal.aborted) return
    throw new Error(`${this.child.spawnargs.slice(3).join(' ')} did not start:\n${this.#output}`)
  }

  #note(text: string): void {
    this.#output = (this.#output + text).slice(-20_000)
  }
}

interface ProcessOptions {
  /** Default 900, a quarter of an hour. */
  readonly lifetimeSeconds?: number
}

const startMs = 60_000

const running = new Set<PeerProcess>()
process.once('exit', () => {
  for (const peer of running) peer.killTree()
})

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('The system gave no port.')
  return address.port
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/** A request as it is sent. */
export function httpRequest(
  method: string,
  target: string,
  headers: Readonly<Record<string, string>> = {},
  body?: string,
): string {
  let head = `${method} ${target} HTTP/1.1\r\nHost: 127.0.0.1\r\n`
  for (const [name, value] of Object.entries(headers)) head += `${name}: ${value}\r\n`
  if (body !== undefined) head += `Content-Length: ${Buffer.byteLength(body)}\r\n`
  return `${head}\r\n${body ?? ''}`
}

export function eventStreamHeaders(lastEventId: string | undefined): Record<string, string> {
  return { Accept: 'text/event-stream', ...(lastEventId !== undefined && { 'Last-Event-ID': lastEventId }) }
}
