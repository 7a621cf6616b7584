import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { freePort } from '../../../../conformance/runners/free-port.ts'
import { headwaterCommand } from '../from-source.ts'

export interface HubPlace {
  /** Such as `127.0.0.1:3000`. */
  readonly listen: string
  /** What the command is started by. Default: only Node. */
  readonly prefix?: readonly string[]
  /** Further variables of its environment. */
  readonly env?: Readonly<Record<string, string>>
}

/**
 * A real `headwater serve`, killed and started again at the same address as often as one likes. Keeps what each of its lives said,
 * for whoever wants to know why something went wrong.
 */
export class HubProcess {
  readonly url: string
  /** How long it took to be ready, each time that it was. */
  readonly startMs: number[] = []
  readonly #place: HubPlace
  readonly #parameters: readonly string[]
  readonly #log: string[] = []
  #isReady = false
  #life: { child: ChildProcess; exited: Promise<unknown>; ready: Promise<void> } | undefined
  #lives = 0

  /** Does not start it yet. */
  static async create(...parameters: string[]): Promise<HubProcess> {
    return new HubProcess({ listen: `127.0.0.1:${await freePort()}` }, parameters)
  }

  constructor(place: HubPlace, parameters: readonly string[]) {
    this.#place = place
    this.#parameters = parameters
    this.url = `http://${place.listen}/.well-known/mercure`
  }

  start(...parameters: string[]): void {
    const startedAt = performance.now()
    const life = ++this.#lives
    const { listen, prefix = [], env } = this.#place
    const node = [process.execPath, ...headwaterCommand]
    const all = [...prefix, ...node, 'serve', '--listen', listen, ...this.#parameters, ...parameters]
    const child = spawn(all[0]!, all.slice(1), {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    })
    const { promise: ready, resolve, reject } = Promise.withResolvers<void>()
    // Whoever waits for it hears of it; nobody has to.
    ready.catch(() => {})
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        this.#note(`life ${life}: ${text.trimEnd()}`)
        if (!text.includes('headwater listening on')) return
        this.startMs.push(performance.now() - startedAt)
        this.#isReady = true
        resolve()
      })
    }
    const exited = once(child, 'close').then(([code, signal]) => {
      this.#isReady = false
      this.#note(`life ${life} ended: ${signal ?? `exit code ${code}`}`)
      reject(new Error(`the hub ended before it was ready (${signal ?? code}):\n${this.log}`))
    })
    this.#life = { child, exited, ready }
  }

  /** Whether it listens, as far as anybody knows. */
  get isReady(): boolean {
    return this.#isReady
  }

  /** Resolves when it listens; rejects if it ended before. */
  async ready(): Promise<void> {
    await this.#life?.ready
  }

  /** Whether it was started, and not ended from here since. */
  get isStarted(): boolean {
    return this.#life !== undefined
  }

  get pid(): number {
    return this.#life!.child.pid!
  }

  /** Sends it a signal that does not end it. */
  signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    this.#life?.child.kill(signal)
  }

  /** Throws if it has ended by itself. */
  assertAlive(): void {
    const child = this.#life?.child
    if (child && child.exitCode === null && child.signalCode === null) return
    throw new Error(`the hub ended by itself:\n${this.log}`)
  }

  async kill(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    this.assertAlive()
    await this.end(signal)
  }

  /** Ends it if it is there. */
  async end(signal: 'SIGKILL' | 'SIGTERM' = 'SIGKILL'): Promise<void> {
    const life = this.#life
    this.#life = undefined
    life?.child.kill(signal)
    await life?.exited
  }

  /** The last of what it said. */
  get log(): string {
    return this.#log.join('\n')
  }

  #note(text: string): void {
    this.#log.push(text)
    if (this.#log.length > 200) this.#log.shift()
  }
}

/** Polls until a condition holds. Gives up, with what it waited for, only when `moved` has not changed for two minutes. */
export async function until(
  condition: () => boolean,
  what: string,
  { moved = () => 0, stuckMs = 120_000 }: { moved?: () => number; stuckMs?: number } = {},
): Promise<void> {
  let last = moved()
  let since = performance.now()
  while (!condition()) {
    await pause(5)
    const now = moved()
    if (now !== last) {
      last = now
      since = performance.now()
    } else if (performance.now() - since > stuckMs) {
      throw new Error(`nothing has moved for ${stuckMs / 1000} s while it was waited until ${what}`)
    }
  }
}
