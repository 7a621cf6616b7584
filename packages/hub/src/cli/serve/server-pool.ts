import { Worker } from 'node:worker_threads'
import { HubError } from '../../base/errors.ts'
import { withTimeout } from '../../base/with-timeout.ts'
import { workerFlags } from '../../base/worker-flags.ts'
import { type CountMemory, clearCounts } from '../../http/access/client-counts.ts'
import type { MetricsSnapshot } from '../../http/metrics.ts'
import type { Certificate } from '../../http/server/tls.ts'
import type { SharedStore } from '../../store/shared/share-store.ts'
import type { Log } from './log.ts'
import type { ServeOptions } from './serve-options.ts'
import type { RequestToMain, RequestToWorker, ThreadOptions } from './thread-messages.ts'
import { ThreadRpc } from './thread-rpc.ts'

export interface ServingThreadsOptions {
  /** How many there are, the first one included. */
  readonly count: number
  readonly options: ServeOptions
  readonly certificate: Certificate | undefined
  readonly port: number
  readonly shared: SharedStore
  readonly counts: CountMemory
  readonly log: Log
  /** Writes a line of a thread's log. */
  readonly write: (line: string) => void
  /** Gives the metrics of all threads. */
  readonly textOfMetrics: () => Promise<string>
}

/** How long a thread that ended is waited for before it is started again: doubled each time, until it has lasted. In milliseconds. */
const restartMs = { first: 500, most: 30_000, hasLasted: 60_000 }
/** A thread that does not answer by then is left out of the metrics, in milliseconds. */
const metricsMs = 5000
/** What a thread gets beyond its deadline to say that it has ended, in milliseconds. */
const closeMs = 500

/**
 * The further threads that serve a hub. One that ends by itself (a fault of ours, no memory left) takes its event streams with it: their
 * clients come back to the others, or to the one that is started in its place, and go on where they were.
 */
export class ServerPool {
  readonly #threads: readonly ServingThread[]

  /** Resolves when each has been started once. One that could not be is tried again. */
  static async start(options: ServingThreadsOptions): Promise<ServerPool> {
    const threads = new ServerPool(options)
    await Promise.all(threads.#threads.map((thread) => thread.start()))
    return threads
  }

  private constructor(options: ServingThreadsOptions) {
    this.#threads = Array.from({ length: options.count - 1 }, (_, index) => new ServingThread(index + 2, options))
  }

  /** What each that answers in time has to tell. */
  async metrics(): Promise<readonly MetricsSnapshot[]> {
    const snapshots = await Promise.all(this.#threads.map((thread) => thread.metrics()))
    return snapshots.filter((snapshot) => snapshot !== undefined)
  }

  /** Has all go by these options from now on. Rejects if one cannot, when all are done. */
  async reload(options: ServeOptions): Promise<void> {
    await this.#each((thread) => thread.reload(options))
  }

  /** Has all use this certificate from now on. Rejects if one cannot, when all are done. */
  async setCertificate(certificate: Certificate): Promise<void> {
    await this.#each((thread) => thread.setCertificate(certificate))
  }

  /** Ends all in order. Gives how many connections had to be cut off. */
  async close(deadlineMs: number): Promise<number> {
    const cutOff = await Promise.all(this.#threads.map((thread) => thread.close(deadlineMs)))
    return cutOff.reduce((sum, each) => sum + each, 0)
  }

  /** Ends a thread as an accident would, for a test of what becomes of its clients. */
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
  readonly #given: ServingThreadsOptions
  /** As they are now, for one that is started later. */
  #options: ServeOptions
  #certificate: Certificate | undefined
  #running: { readonly worker: Worker; readonly conversation: ThreadRpc<RequestToWorker, RequestToMain> } | undefined
  #delayMs = restartMs.first
  #timer: NodeJS.Timeout | undefined
  #isClosing = false

  constructor(number: number, given: ServingThreadsOptions) {
    this.#number = number
    this.#given = given
    this.#options = given.options
    this.#certificate = given.certificate
  }

  async start(): Promise<void> {
    const { shared, counts, port, write, textOfMetrics, log } = this.#given
    const connection = shared.connect()
    const startedAt = performance.now()
    // Beside this module, in its language: TypeScript where that runs as it is, else what it was compiled to.
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
    const conversation = new ThreadRpc<RequestToWorker, RequestToMain>(worker, {
      log(line) {
        write(line)
        return undefined
      },
      metrics: () => textOfMetrics(),
    })
    this.#running = { worker, conversation }
    let why = ''
    worker.on('error', (error) => {
      why = error instanceof Error ? error.message : String(error)
    })
    worker.once('exit', (code) => {
      conversation.end(`Thread ${this.#number} ended.`)
      this.#onEnd(why || `it ended with code ${code}`, performance.now() - startedAt)
    })
    try {
      await conversation.ask('start', undefined)
    } catch (error) {
      why ||= error instanceof Error ? error.message : String(error)
      await worker.terminate()
      return
    }
    log.write('thread-started', `thread ${this.#number} serves.`, { thread: this.#number })
  }

  metrics(): Promise<MetricsSnapshot | undefined> {
    return unlessLate(metricsMs, this.#running?.conversation.ask('metrics', undefined))
  }

  async reload(options: ServeOptions): Promise<void> {
    this.#options = options
    await this.#have('reload', options)
  }

  async setCertificate(certificate: Certificate): Promise<void> {
    this.#certificate = certificate
    await this.#have('certificate', certificate)
  }

  /** Has it go by what one that is started later is started with. */
  async #have<About extends 'reload' | 'certificate'>(
    about: About,
    what: RequestToWorker[About]['ask'],
  ): Promise<void> {
    try {
      await this.#running?.conversation.ask(about, what)
    } catch (error) {
      // One that ends meanwhile is started again with it.
      if (!this.#running) return
      const { code, message } = error as HubError
      throw new HubError(code, `thread ${this.#number}: ${message}`, { cause: error })
    }
  }

  async close(deadlineMs: number): Promise<number> {
    this.#isClosing = true
    clearTimeout(this.#timer)
    const cutOff = await unlessLate(deadlineMs + closeMs, this.#running?.conversation.ask('close', { deadlineMs }))
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
      `thread ${this.#number} ended (${why}), and with it ${streams} event streams, whose clients come back. It is started again in ${this.#delayMs / 1000} s.`,
      { thread: this.#number, reason: why, streams, seconds: this.#delayMs / 1000 },
    )
    this.#timer = setTimeout(() => this.start(), this.#delayMs)
    this.#delayMs = Math.min(this.#delayMs * 2, restartMs.most)
  }
}

/** What a thread answers; nothing if it takes too long, or ends instead: `onEnd` tells why it did. */
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
