import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { events } from '@headwater/sse/client'
import { readCpuMs } from './hub/process-tree.ts'

/** The command of this checkout, built. */
export const main = fileURLToPath(new URL('../packages/hub/dist/cli/main.js', import.meta.url))
export const path = '/.well-known/mercure'

/** A hub in a process of its own, and when its subscriber received each event. */
export interface WatchedHub {
  readonly name: string
  readonly url: string
  readonly child: ChildProcess
  readonly received: Map<number, number>
}

/** What one hub did with the events of a measurement. */
export interface Watched {
  readonly name: string
  readonly p50: string
  readonly p99: string
  readonly cpuUs: string
}

/** Hubs that share a history: each has a subscriber of everything, which measures how long each event took. */
export class WatchedHubs {
  readonly all: WatchedHub[] = []
  #next = 0

  /** Starts a hub, and resolves when it listens. */
  async start(name: string, flags: readonly string[]): Promise<WatchedHub> {
    const args = [main, 'serve', '--listen', '127.0.0.1:0', '--threads', '1', ...flags]
    const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'ignore'] })
    const [line] = (await once(createInterface(child.stdout), 'line')) as [string]
    const hub = { name, url: line.split(' ').at(-1)!, child, received: new Map<number, number>() }
    this.all.push(hub)
    return hub
  }

  async subscribe({ url, received }: WatchedHub): Promise<void> {
    for await (const { data } of events(`${url}${path}?match=*`)) {
      received.set(Number(data.split(' ')[0]), performance.now())
    }
  }

  /** Publishes `count` arrays of events at a rate of arrays, and returns when each event was sent. */
  async publish(
    post: (body: string) => Promise<unknown>,
    rate: number,
    count: number,
    each: number,
  ): Promise<Map<number, number>> {
    const sent = new Map<number, number>()
    const answers: Promise<unknown>[] = []
    const startedAt = performance.now()
    for (let n = 0; n < count; n++) {
      const waitMs = startedAt + (n * 1000) / rate - performance.now()
      if (waitMs > 0) await wait(waitMs)
      const keys = Array.from({ length: each }, () => this.#next++)
      const body = JSON.stringify(keys.map((key) => ({ topic: `t/${key % 100}`, data: `${key} ${'x'.repeat(100)}` })))
      for (const key of keys) sent.set(key, performance.now())
      answers.push(post(body))
    }
    await Promise.all(answers)
    while (this.all.some(({ received }) => !received.has(this.#next - 1))) await wait(5)
    await wait(100)
    return sent
  }

  /** Publishes, and returns what each hub did with these events. */
  async measure(...publishing: Parameters<WatchedHubs['publish']>): Promise<Watched[]> {
    const before = this.all.map(({ child }) => readCpuMs(child.pid!))
    const sent = await this.publish(...publishing)
    return this.all.map(({ name, received, child }, index) => {
      const latencies = [...sent].map(([key, ms]) => received.get(key)! - ms)
      const cpuUs = ((readCpuMs(child.pid!) - before[index]!) * 1000) / sent.size
      const [p50, p99] = [0.5, 0.99].map((share) => quantile(latencies, share).toFixed(1)) as [string, string]
      return { name, p50, p99, cpuUs: cpuUs.toFixed(0) }
    })
  }

  /** Kills a hub, and resolves when it is gone. */
  async kill(hub: WatchedHub): Promise<void> {
    this.all.splice(this.all.indexOf(hub), 1)
    hub.child.kill('SIGKILL')
    await once(hub.child, 'exit')
  }

  /** Stops all, those that were started last first. */
  async stop(): Promise<void> {
    for (const { child } of this.all.toReversed()) {
      child.kill()
      await once(child, 'exit')
    }
  }
}

export function quantile(values: readonly number[], share: number): number {
  return values.toSorted((one, other) => one - other)[Math.floor(values.length * share)]!
}
