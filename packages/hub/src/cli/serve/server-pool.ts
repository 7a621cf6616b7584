import { Worker } from 'node:worker_threads'
import { HubError } from '../../base/errors.ts'
import { withTimeout } from '../../base/with-timeout.ts'
import { workerFlags } from '../../base/worker-flags.ts'
import { type CountMemory, clearCounts } from '../../http/access/client-counts.ts'
import type { MetricsSnapshot } from '../../http/metrics.ts'
import type { Certificate } from '../../http/server/tls.ts'
import type { Observed, ObservedQuery, ObservedThread } from '../../observe/observatory.ts'
import type { SharedStore } from '../../store/shared/share-store.ts'
import type { Log } from '../log/log.ts'
import type { ServeOptions } from './serve-options.ts'
import type { RequestToFirst, RequestToWorker, ThreadOptions } from './thread-messages.ts'
import { ThreadRpc } from './thread-rpc.ts'

export interface ServerPoolOptions {
  /** The number of threads, including the first one. */
  readonly count: number
  readonly options: ServeOptions
  readonly certificate: Certificate | undefined
  readonly port: number
  readonly shared: SharedStore
  readonly counts: CountMemory
  readonly log: Log
  /** Writes a line of a thread's log. */
  readonly write: (line: string) => void
  /** Returns the metrics of all threads. */
  readonly textOfMetrics: () => Promise<string>
  /** Returns how things stand in all threads. */
  readonly observe: (query: ObservedQuery) => Promise<Observed>
}

/**
 * How long to wait before starting a failed thread again, in milliseconds: doubles each time, until
 * a thread has lasted.
 */
const restartMs = { first: 500, most: 30_000, hasLasted: 60_000 }
/** The metrics leave out a thread that does not answer within this time, in milliseconds. */
const metricsMs = 5000
/** The hub's page leaves one out after this time, in milliseconds: it asks each second. */
const observeMs = 900
/** How long beyond its deadline a thread may take to report that it has ended, in milliseconds. */
const closeMs = 500

/**
 * The threads that serve a hub, without the first one. If one fails (a bug of ours, no memory
 * left), its event streams end. Their clients reconnect to the other threads, or to its
 * replacement, and resume where they were.
 */
export class ServerPool {
  readonly #threads: readonly ServingThread[]

  /**
   * Resolves when it has tried to start each thread once. Tries again to start those that failed.
   */
  static async start(options: ServerPoolOptions): Promise<ServerPool> {
    const pool = new ServerPool(options)
    await Promise.all(pool.#threads.map((thread) => thread.start()))
    return pool
  }

  private constructor(options: ServerPoolOptions) {
    this.#threads = Array.from({ length: options.count - 1 }, (_, index) => new ServingThread(index + 2, options))
  }

  /** The metrics of each thread that answers in time. */
  async metrics(): Promise<readonly MetricsSnapshot[]> {
    const snapshots = await Promise.all(this.#threads.map((thread) => thread.metrics()))
    return snapshots.filter((snapshot) => snapshot !== undefined)
  }

  /** How things stand in each thread that answers in time. */
  async observe(query: ObservedQuery): Promise<readonly ObservedThread[]> {
    const threads = await Promise.all(this.#threads.map((thread) => thread.observe(query)))
    return threads.filter((thread) => thread !== undefined)
  }

  /** Applies the options to all threads. Waits for all of them, and rejects if one failed. */
  async reload(options: ServeOptions): Promise<void> {
    await this.#each((thread) => thread.reload(options))
  }

  /** Sets the certificate of all threads. Waits for all of them, and rejects if one failed. */
  async setCertificate(certificate: Certificate): Promise<void> {
    await this.#each((thread) => thread.setCertificate(certificate))
  }

  /** Stops all threads in order. Returns how many connections had to be cut off. */
  async close(deadlineMs: number): Promise<number> {
    const cutOff = await Promise.all(this.#threads.map((thread) => thread.close(deadlineMs)))
    return cutOff.reduce((sum, each) => sum + each, 0)
  }

  /** Terminates a thread as a crash would. For tests of what happens to its clients. */
  async crash(thread: number): Promise<void> {
    await this.#threads[thread - 2]?.crash()
  }

  async #each(work: (thread: ServingThread) => Promise<void>): Promise<void> {
    const outcomes = await Promise.allSettled(this.#threads.map(work))
    const failure = outcomes.find((outcome) => outcome.status === 'rejected')
    if (failure) throw failure.reason
  }
}

class ServingThread {
  readonly #number: number
  readonly #given: ServerPoolOptions
  /** The current options, with which a replacement starts. */
  #options: ServeOptions
  #certificate: Certificate | undefined
  #running: { readonly worker: Worker; readonly rpc: ThreadRpc<RequestToWorker, RequestToFirst> } | undefined
  #delayMs = restartMs.first
  #timer: NodeJS.Timeout | undefined
  #isClosing = false

  constructor(number: number, given: ServerPoolOptions) {
    this.#number = number
    this.#given = given
    this.#options = given.options
    this.#certificate = given.certificate
  }

  async start(): Promise<void> {
    const { shared, counts, port, write, textOfMetrics, observe, log } = this.#given
    const connection = shared.connect()
    const startedAt = performance.now()
    // Beside this module, with the same extension: TypeScript when run from source, else the
    // compiled file.
    const name = `./server-worker.${import.meta.url.endsWith('.ts') ? 'ts' : 'js'}`
    const worker = new Worker(new URL(name, import.meta.url), {
      name: `headwater ${this.#number}`,
      workerData: {
        thread: this.#number,
        options: this.#options,
        certificate: this.#certificate,
        connection,
        port,
        counts,
      } satisfies ThreadOptions,
      transferList: [connection.port],
      execArgv: workerFlags(),
    })
    const rpc = new ThreadRpc<RequestToWorker, RequestToFirst>(worker, {
      log(line) {
        write(line)
        return undefined
      },
      metrics: () => textOfMetrics(),
      observe,
    })
    this.#running = { worker, rpc }
    let why = ''
    worker.on('error', (error) => {
      why = error instanceof Error ? error.message : String(error)
    })
    worker.once('exit', (code) => {
      rpc.end(`Thread ${this.#number} ended.`)
      this.#onEnd(why || `exit code ${code}`, performance.now() - startedAt)
    })
    try {
      await rpc.ask('start', undefined)
    } catch (error) {
      why ||= error instanceof Error ? error.message : String(error)
      await worker.terminate()
      return
    }
    log.write('thread-started', `thread ${this.#number} is serving.`, { thread: this.#number })
  }

  metrics(): Promise<MetricsSnapshot | undefined> {
    return unlessLate(metricsMs, this.#running?.rpc.ask('metrics', undefined))
  }

  observe(query: ObservedQuery): Promise<ObservedThread | undefined> {
    return unlessLate(observeMs, this.#running?.rpc.ask('observe', query))
  }

  async reload(options: ServeOptions): Promise<void> {
    this.#options = options
    await this.#apply('reload', options)
  }

  async setCertificate(certificate: Certificate): Promise<void> {
    this.#certificate = certificate
    await this.#apply('certificate', certificate)
  }

  /** Applies the setting to the running worker. Later ones start with it. */
  async #apply<About extends 'reload' | 'certificate'>(
    about: About,
    what: RequestToWorker[About]['ask'],
  ): Promise<void> {
    try {
      await this.#running?.rpc.ask(about, what)
    } catch (error) {
      // A worker that ends meanwhile is replaced by one that starts with the setting.
      if (!this.#running) return
      const { code, message } = error as HubError
      throw new HubError(code, `thread ${this.#number}: ${message}`, { cause: error })
    }
  }

  async close(deadlineMs: number): Promise<number> {
    this.#isClosing = true
    clearTimeout(this.#timer)
    const cutOff = await unlessLate(deadlineMs + closeMs, this.#running?.rpc.ask('close', { deadlineMs }))
    await this.#running?.worker.terminate()
    return cutOff ?? 0
  }

  async crash(): Promise<void> {
    await this.#running?.worker.terminate()
  }

  #onEnd(why: string, lastedMs: number): void {
    this.#running = undefined
    const { counts, log } = this.#given
    const streams = clearCounts(counts, this.#number - 1)
    if (this.#isClosing) return
    if (lastedMs >= restartMs.hasLasted) this.#delayMs = restartMs.first
    log.write(
      'thread-ended',
      `thread ${this.#number} failed (${why}), and its ${streams} event streams ended. Their clients reconnect. Starting it again in ${this.#delayMs / 1000} s.`,
      { thread: this.#number, reason: why, streams, seconds: this.#delayMs / 1000 },
    )
    this.#timer = setTimeout(() => this.start(), this.#delayMs)
    this.#delayMs = Math.min(this.#delayMs * 2, restartMs.most)
  }
}

/**
 * The answer of a thread, or `undefined` if it takes too long or ends instead: `onEnd` reports why
 * it ended.
 */
async function unlessLate<T>(milliseconds: number, answer: Promise<T> | undefined): Promise<T | undefined> {
  return (
    answer &&
    (await withTimeout(
      milliseconds,
      answer.catch(() => undefined),
      undefined,
    ))
  )
}
