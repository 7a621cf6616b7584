import { Worker } from 'node:worker_threads'
import type { GroupReport, GroupSpec, SettleOptions } from './crowd.ts'
import type { CrowdRequest, CrowdThreadData } from './crowd-thread.ts'
import { Histogram } from './histogram.ts'

/** A crowd of subscribers in threads of their own, so that publishing does not wait for them. */
export class CrowdThreads {
  readonly #threads: Thread[]
  readonly #dueTimes: { times: Float64Array; perStream: number }
  readonly #published: Int32Array
  #closing: Promise<void> | undefined

  /** For `streams` streams of at most `perStream` events each. */
  constructor(port: number, { streams, perStream }: { streams: number; perStream: number }, threads: number) {
    this.#dueTimes = { times: new Float64Array(new SharedArrayBuffer(8 * streams * perStream)), perStream }
    this.#published = new Int32Array(streams)
    this.#threads = Array.from({ length: threads }, () => new Thread({ port, dueTimes: this.#dueTimes }))
  }

  /** Records when an event is due and that it is published, just before that. */
  due(stream: number, seq: number, at: number): void {
    this.#dueTimes.times[stream * this.#dueTimes.perStream + seq] = at
    this.#published[stream] = Math.max(this.#published[stream]!, seq + 1)
  }

  async open(groups: readonly GroupSpec[]): Promise<void> {
    const shares: GroupSpec[][] = this.#threads.map(() => [])
    for (const [index, group] of groups.entries()) {
      for (const [thread, share] of shares.entries()) {
        const offset = (thread + index) % shares.length
        const count = Math.floor((group.count + offset) / shares.length)
        if (count > 0) share.push({ ...group, count })
      }
    }
    await Promise.all(this.#threads.map((thread, index) => thread.ask({ name: 'open', groups: shares[index]! })))
  }

  /**
   * Resolves when all subscribers have everything that was published, or nothing arrives for
   * `quietMs`.
   */
  async settle(quietMs = 10_000): Promise<GroupReport[]> {
    const options: SettleOptions = { published: this.#published, quietMs }
    return combine(await Promise.all(this.#threads.map((thread) => thread.ask({ name: 'settle', options }))))
  }

  async report(): Promise<GroupReport[]> {
    const request: CrowdRequest = { name: 'report', published: this.#published }
    return combine(await Promise.all(this.#threads.map((thread) => thread.ask(request))))
  }

  /** May be called twice. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.ask({ name: 'close' }).finally(() => thread.end())))
  }
}

class Thread {
  readonly #worker: Worker
  readonly #waiting = new Map<number, { resolve: (reports: GroupReport[]) => void; reject: (error: Error) => void }>()
  #lastId = 0
  #failure: Error | undefined

  constructor(data: CrowdThreadData) {
    this.#worker = new Worker(new URL('./crowd-thread.ts', import.meta.url), { workerData: data })
    this.#worker.on('message', ({ id, result, error }: { id: number; result: GroupReport[]; error?: string }) => {
      const waiting = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (error === undefined) waiting?.resolve(result)
      else waiting?.reject(new Error(error))
    })
    this.#worker.on('error', (error) => this.#fail(error as Error))
    this.#worker.on('exit', () => this.#fail(new Error('The thread of a crowd has ended.')))
  }

  ask(request: CrowdRequest): Promise<GroupReport[]> {
    if (this.#failure) return Promise.reject(this.#failure)
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      this.#worker.postMessage({ id, request })
    })
  }

  async end(): Promise<void> {
    await this.#worker.terminate()
  }

  #fail(error: Error): void {
    this.#failure ??= error
    for (const { reject } of this.#waiting.values()) reject(this.#failure)
    this.#waiting.clear()
  }
}

/** Sums the reports of the threads, by label. */
function combine(reports: readonly GroupReport[][]): GroupReport[] {
  const combined = new Map<string, GroupReport>()
  for (const report of reports.flat()) {
    const other = combined.get(report.label)
    combined.set(report.label, other ? add(other, report) : report)
  }
  return [...combined.values()]
}

function add(a: GroupReport, b: GroupReport): GroupReport {
  const latencies = new Histogram(a.latencies)
  latencies.addAll(new Histogram(b.latencies))
  return {
    label: a.label,
    subscribers: a.subscribers + b.subscribers,
    delivered: a.delivered + b.delivered,
    lost: a.lost + b.lost,
    extra: a.extra + b.extra,
    duplicated: a.duplicated + b.duplicated,
    reordered: a.reordered + b.reordered,
    corrupted: a.corrupted + b.corrupted,
    misdirected: a.misdirected + b.misdirected,
    gaps: a.gaps + b.gaps,
    interleaved: a.interleaved + b.interleaved,
    broken: a.broken + b.broken,
    closed: a.closed + b.closed,
    heartbeats: a.heartbeats + b.heartbeats,
    lastAt: Math.max(a.lastAt, b.lastAt),
    latencies: latencies.counts,
    lastEventId: a.lastEventId || b.lastEventId,
  }
}
