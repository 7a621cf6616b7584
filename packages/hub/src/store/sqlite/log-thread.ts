import { setImmediate } from 'node:timers'
import { Worker } from 'node:worker_threads'
import { HubError } from '../../base/errors.ts'
import { Fifo } from '../../base/fifo.ts'
import { workerFlags } from '../../base/worker-flags.ts'
import type { Failure } from '../history/failure.ts'
import { idTaken } from '../id-taken.ts'
import type { Bounds, EventRecord, HistoryPosition, StoredEvent } from '../store.ts'
import type { HistoryEnd } from './history-end.ts'
import {
  type Answers,
  type AppendResult,
  type AppendTuple,
  type Question,
  type Reply,
  toAppendTuple,
  toApplyTuple,
  type WorkerOptions,
} from './messages.ts'

/** Called with what the thread reports unasked. */
export interface LogThreadListener {
  /** Called with new events, in order, before their appends resolve. */
  onAppended(events: readonly StoredEvent[]): void
  /**
   * Called with the new bounds when events were trimmed. The head is a new one if events were
   * missed: see `HistoryLog.askToTrim`.
   */
  onTrimmed(bounds: Bounds): void
  /** Called with the new bounds when the newest events were dropped. */
  onDropped(bounds: Bounds): void
  onTrouble(error: HubError): void
  /** Called when the thread has ended by itself. All requests under way were rejected. */
  onDeath(error: HubError): void
}

interface PendingAppend {
  readonly event: EventRecord
  readonly resolve: (mark: HistoryPosition) => void
  readonly reject: (error: HubError) => void
}

interface PendingQuestion {
  readonly resolve: (answer: unknown) => void
  readonly reject: (error: HubError) => void
}

type WithoutNumber<Q> = Q extends unknown ? Omit<Q, 'number'> : never

export interface ThreadOptions extends Omit<WorkerOptions, 'openedAt'> {
  /** The clock, in milliseconds. */
  readonly now: () => number
}

/** The store's end of its worker thread. */
export class LogThread {
  readonly epoch: string
  /** The bounds of the history when the thread had opened it. */
  readonly bounds: Bounds
  /**
   * The process that used the directory last, in words, if that process ended without closing it.
   */
  readonly uncleanHolder: string | undefined
  /** Whether the history went as far as events had been acknowledged when it was opened. */
  readonly end: HistoryEnd
  readonly #worker: Worker
  readonly #options: ThreadOptions
  #listener: LogThreadListener | undefined

  /** Not yet sent. */
  #records: AppendTuple[] = []
  #questions: Question[] = []
  /** The answers to those questions that other callers may ask as well. */
  readonly #shared = new Map<string, Promise<unknown>>()
  #isFlushDue = false
  /** Not yet answered. Appends are answered in order, questions by number. */
  readonly #pendingAppends = new Fifo<PendingAppend>()
  readonly #pendingQuestions = new Map<number, PendingQuestion>()
  #lastNumber = 0
  #isReferenced = false
  #isClosing = false
  #headPosition: number
  #death: HubError | undefined

  /** Starts the thread. Rejects if the data directory cannot be opened. */
  static start(options: ThreadOptions): Promise<LogThread> {
    // Beside this module, in the same language: TypeScript if that runs as it is, otherwise the
    // compiled file.
    const url = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url)
    const worker = new Worker(url, {
      workerData: workerOptionsOf(options),
      execArgv: workerFlags(),
      name: 'headwater store',
    })
    return new Promise((resolve, reject) => {
      const fail = (error: unknown) => reject(deathOf(options, `could not start: ${String(error)}`))
      worker.once('error', fail)
      worker.once('exit', fail)
      worker.once('message', (reply: Reply) => {
        worker.off('error', fail)
        worker.off('exit', fail)
        if (reply.name === 'opened') resolve(new LogThread(worker, options, reply))
        else worker.once('exit', () => reject(toError((reply as { failure: Failure }).failure)))
      })
    })
  }

  private constructor(
    worker: Worker,
    options: ThreadOptions,
    { epoch, bounds, uncleanHolder, end }: Omit<Extract<Reply, { name: 'opened' }>, 'name'>,
  ) {
    this.epoch = epoch
    this.bounds = bounds
    this.uncleanHolder = uncleanHolder
    this.end = end
    this.#worker = worker
    this.#options = options
    this.#headPosition = bounds.head.position
    worker.on('message', (reply: Reply) => this.#onReply(reply))
    worker.on('error', (error) => this.#die(`failed: ${error instanceof Error ? error.message : String(error)}`))
    worker.on('exit', (code) => {
      if (!this.#isClosing || code !== 0) this.#die(`ended with code ${code}`)
    })
    worker.unref()
  }

  listen(listener: LogThreadListener): void {
    this.#listener = listener
    if (this.#death) listener.onDeath(this.#death)
  }

  /**
   * @param isWithNext Whether the next append, which must follow at once, is stored with this one
   * or not at all.
   */
  append(event: EventRecord, idempotencyKey: string | undefined, isWithNext = false): Promise<HistoryPosition> {
    return new Promise((resolve, reject) => {
      if (this.#death) return reject(this.#death)
      this.#pendingAppends.push({ event, resolve, reject })
      this.#records.push(toAppendTuple(event, idempotencyKey, isWithNext))
      this.#flushSoon()
    })
  }

  /**
   * Stores events that were sequenced elsewhere, all or none of them, in one transaction. Their
   * positions grow, may have holes, and come after the head, which is `previous` if that is given. Followers receive them before this
   * resolves. `keepsTimes`: as of when they were first stored.
   */
  async apply(events: readonly StoredEvent[], previous?: HistoryPosition, keepsTimes = false): Promise<void> {
    const tuples = events.map((event) => toApplyTuple(event, keepsTimes))
    await this.ask({ name: 'apply', events: tuples, previous }, () =>
      this.#onStored(events.map((event) => toStored(event, event.position, event.tag))),
    )
  }

  /** Trims all events up to a mark; see `HistoryLog.askToTrim`. */
  async trimThrough(mark: HistoryPosition): Promise<void> {
    await this.ask({ name: 'trim through', mark })
  }

  /** Drops everything after a mark; see `HistoryLog.dropAfter`. The listener learns of it first. */
  async dropAfter(mark: HistoryPosition): Promise<void> {
    await this.ask({ name: 'drop after', mark }, (bounds) => {
      this.#headPosition = bounds.head.position
      this.#listener?.onDropped(bounds)
    })
  }

  /** @param onAnswer Called before any later message of the thread is handled. */
  ask<Q extends WithoutNumber<Question>>(
    question: Q,
    onAnswer?: (answer: Answers[Q['name'] & keyof Answers]) => void,
  ): Promise<Answers[Q['name'] & keyof Answers]> {
    return new Promise((resolve, reject) => {
      if (this.#death) return reject(this.#death)
      this.#lastNumber += 1
      this.#pendingQuestions.set(this.#lastNumber, {
        resolve: (answer: unknown) => {
          onAnswer?.(answer as Answers[Q['name'] & keyof Answers])
          ;(resolve as (answer: unknown) => void)(answer)
        },
        reject,
      })
      this.#questions.push({ ...question, number: this.#lastNumber } as Question)
      this.#flushSoon()
    })
  }

  /**
   * Asks a question once for all callers that ask it in the same turn of the event loop. If a crowd
   * returns from the same event, each client asks for its position. A later caller gets a new
   * answer, so that it is never older than what the caller already knows.
   */
  askOnce<Q extends WithoutNumber<Question>>(key: string, question: Q): Promise<Answers[Q['name'] & keyof Answers]> {
    const shared = this.#shared.get(key)
    if (shared) return shared as Promise<Answers[Q['name'] & keyof Answers]>
    const answer = this.ask(question)
    this.#shared.set(key, answer)
    return answer
  }

  /** Makes the thread check whether something has expired. */
  tick(): void {
    this.#questions.push({ name: 'tick', number: 0 })
    this.#flushSoon()
  }

  /** Finishes the requests under way, then ends the thread. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#death) return resolve()
      this.#isClosing = true
      this.#worker.ref()
      this.#worker.once('exit', () => resolve())
      // If the thread dies meanwhile, it is closed all the same, and what was under way was
      // rejected.
      this.ask({ name: 'close' }).catch(() => resolve())
    })
  }

  /**
   * Sends one message for all requests of a turn of the event loop: each message costs about as
   * much as a dozen events in it.
   */
  #flushSoon(): void {
    if (this.#isFlushDue) return
    this.#isFlushDue = true
    setImmediate(() => this.#flush())
  }

  #flush(): void {
    this.#isFlushDue = false
    const appends = this.#records
    const questions = this.#questions
    this.#records = []
    this.#questions = []
    this.#shared.clear()
    this.#worker.postMessage({ at: this.#options.now(), appends, questions })
    this.#reference()
  }

  /** The thread keeps the process running while a request is under way, and only then. */
  #reference(): void {
    const isNeeded = this.#isClosing || this.#pendingAppends.length > 0 || this.#pendingQuestions.size > 0
    if (isNeeded === this.#isReferenced) return
    this.#isReferenced = isNeeded
    if (isNeeded) this.#worker.ref()
    else this.#worker.unref()
  }

  #onReply(reply: Reply): void {
    switch (reply.name) {
      case 'appended':
        this.#onAppended(reply)
        break
      case 'not appended': {
        const error = toError(reply.failure)
        for (let count = reply.count; count > 0; count--) this.#pendingAppends.shift()?.reject(error)
        break
      }
      case 'answer':
        this.#takeQuestion(reply.number)?.resolve(reply.answer)
        break
      case 'no answer':
        this.#takeQuestion(reply.number)?.reject(toError(reply.failure))
        break
      case 'trimmed':
        this.#headPosition = Math.max(this.#headPosition, reply.bounds.head.position)
        this.#listener?.onTrimmed(reply.bounds)
        break
      case 'trouble':
        this.#listener?.onTrouble(toError(reply.failure))
        break
    }
    this.#reference()
  }

  #onAppended({ positions, tags, taken }: AppendResult): void {
    const stored: StoredEvent[] = []
    const resolved: (() => void)[] = []
    for (const [index, position] of positions.entries()) {
      const tag = tags[index]!
      const { event, resolve, reject } = this.#pendingAppends.shift()!
      const takenId = taken?.get(index)
      if (takenId !== undefined) {
        resolved.push(() => reject(idTaken(takenId)))
        continue
      }
      resolved.push(() => resolve({ position, tag }))
      // An event that is not new was stored before under the same idempotency key.
      if (position <= (stored.at(-1)?.position ?? this.#headPosition)) continue
      stored.push(toStored(event, position, tag))
    }
    this.#onStored(stored)
    for (const resolve of resolved) resolve()
  }

  #onStored(events: readonly StoredEvent[]): void {
    const last = events.at(-1)
    if (!last) return
    this.#headPosition = last.position
    this.#listener?.onAppended(events)
  }

  #takeQuestion(number: number): PendingQuestion | undefined {
    const pending = this.#pendingQuestions.get(number)
    this.#pendingQuestions.delete(number)
    return pending
  }

  #die(how: string): void {
    if (this.#death) return
    const error = deathOf(this.#options, how)
    this.#death = error
    for (let pending = this.#pendingAppends.shift(); pending; pending = this.#pendingAppends.shift())
      pending.reject(error)
    for (const { reject } of this.#pendingQuestions.values()) reject(error)
    this.#pendingQuestions.clear()
    this.#listener?.onDeath(error)
  }
}

/** Functions cannot be sent to another thread. */
function workerOptionsOf(options: ThreadOptions): WorkerOptions {
  const { directory, durability, maxAgeMs, maxEvents, maxBytes, idempotencyMs, newEpoch, now } = options
  return { directory, durability, maxAgeMs, maxEvents, maxBytes, idempotencyMs, newEpoch, openedAt: now() }
}

function toStored(
  { topics, data, isPrivate, id, type, retryMs, traceContext }: EventRecord,
  position: number,
  tag: number,
): StoredEvent {
  return { topics, data, isPrivate, id, type, retryMs, traceContext, position, tag }
}

function deathOf({ directory }: ThreadOptions, how: string): HubError {
  return new HubError(
    'STORE_FAILED',
    `The thread of the event store in ${directory} ${how}. Whether its requests were carried out is ` +
      'not known: an event under way may be stored or not. The thread is started again when it is next needed.',
  )
}

function toError({ code, message }: Failure): HubError {
  return new HubError(code, message)
}
