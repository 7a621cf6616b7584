import { HubError } from '../../base/errors.ts'
import { Fifo } from '../../base/fifo.ts'
import { withTimeout } from '../../base/with-timeout.ts'
import { idTaken } from '../id-taken.ts'
import { RandomTags } from '../random-tags.ts'
import type { Sequenced } from '../replicated/history-source.ts'
import type { Append } from '../store.ts'
import { isTemporary, sqlState } from './connect.ts'
import { paramsOf } from './event-params.ts'
import type { LastingConnection } from './lasting-connection.ts'

/** About the most events and characters of data in one batch. */
const maxBatchEvents = 2000
const maxBatchCharacters = 4 * 1024 ** 2

export interface BatchSequencerOptions {
  readonly connection: LastingConnection
  /** The node, which is registered on each new connection. */
  readonly node: string
  /** How long an append waits for the engine, in milliseconds. */
  readonly waitMs: number
  readonly idempotencyMs: number
  /** The time of events, in milliseconds; `undefined` for the clock of the server. */
  readonly now: (() => number) | undefined
}

interface Pending {
  readonly appends: readonly Append[]
  readonly deadline: number
  readonly resolve: (sequenced: Sequenced) => void
  readonly reject: (error: HubError) => void
}

type BatchRow = readonly [
  positions: (string | null)[],
  tags: (string | null)[],
  previousPosition: string | null,
  previousTag: string | null,
]

/**
 * Sends appends to the engine, in batches: one is under way at a time, and all that arrives meanwhile
 * is in the next. Batches are numbered, and the engine keeps the outcome of the last one of each
 * node. So a batch whose answer was lost is sent again, and stored once.
 */
export class BatchSequencer {
  readonly #options: BatchSequencerOptions
  readonly #tags = new RandomTags()
  readonly #pending = new Fifo<Pending>()
  #lastBatch = 0
  #sending: Promise<void> | undefined
  #isClosed = false

  constructor(options: BatchSequencerOptions) {
    this.#options = options
  }

  append(appends: readonly Append[]): Promise<Sequenced> {
    if (this.#isClosed)
      return Promise.reject(new HubError('STORE_CLOSED', 'The event was not stored: the store is closed.'))
    return new Promise((resolve, reject) => {
      const deadline = performance.now() + this.#options.waitMs
      this.#pending.push({ appends, deadline, resolve, reject })
      this.#sending ??= this.#send().finally(() => {
        this.#sending = undefined
      })
    })
  }

  /** Finishes the appends under way. */
  async close(): Promise<void> {
    this.#isClosed = true
    await this.#sending
  }

  async #send(): Promise<void> {
    // All appends of this turn of the event loop share the first batch.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#pending.length > 0) {
      const batch = this.#takeBatch()
      try {
        answer(batch, await this.#store(batch))
      } catch (error) {
        const failure =
          error instanceof HubError ? error : new HubError('STORE_FAILED', String(error), { cause: error })
        for (const { reject } of batch) reject(failure)
      }
    }
  }

  #takeBatch(): Pending[] {
    const batch: Pending[] = []
    let events = 0
    let characters = 0
    while (events < maxBatchEvents && characters < maxBatchCharacters) {
      const pending = this.#pending.shift()
      if (!pending) break
      batch.push(pending)
      events += pending.appends.length
      for (const { event } of pending.appends) characters += event.data.length
    }
    return batch
  }

  /** Sends a batch until the engine has answered, or until the first of its appends has waited long enough. */
  async #store(batch: readonly Pending[]): Promise<BatchRow> {
    const { connection, waitMs } = this.#options
    const deadline = batch[0]!.deadline
    const params = this.#paramsOf(batch)
    let mayBeStored = false
    let cause: unknown
    for (;;) {
      try {
        const { client } = await within(connection.get(), deadline)
        mayBeStored = true
        // Half of the time is left for another server, if this one hangs.
        const until = Math.min(deadline, performance.now() + waitMs / 2)
        const { rows } = await within(client.query({ ...appendQuery, values: params as unknown[] }), until)
        return rows[0] as unknown as BatchRow
      } catch (error) {
        if (error instanceof HubError && error.code !== 'STORE_FAILED') throw error
        if (!isTemporary(error)) throw refused(error)
        // Whatever it is, this connection is not one to wait for again.
        connection.drop()
        if (!(error instanceof TooLate)) cause = error
        if (performance.now() >= deadline || this.#isClosed) throw unreachable(cause ?? error, mayBeStored, waitMs)
      }
    }
  }

  #paramsOf(batch: readonly Pending[]): readonly unknown[] {
    const { node, now, idempotencyMs } = this.#options
    this.#lastBatch += 1
    const groups = batch.map(({ appends }) => appends)
    return [node, this.#lastBatch, now?.() ?? null, idempotencyMs, ...paramsOf(groups, () => this.#tags.next())]
  }
}

const appendQuery = {
  name: 'append_batch',
  rowMode: 'array',
  text: `SELECT positions, tags, previous_position, previous_tag FROM append_batch(${Array.from({ length: 17 }, (_, n) => `$${n + 1}`).join(', ')})`,
} as const

function answer(batch: readonly Pending[], [positions, tags, previousPosition, previousTag]: BatchRow): void {
  const marks = positions.map((position, index) => ({ position: Number(position), tag: Number(tags[index]) }))
  let previous =
    previousPosition === null ? undefined : { position: Number(previousPosition), tag: Number(previousTag) }
  let index = 0
  for (const { appends, resolve, reject } of batch) {
    const isRefused = positions[index] === null
    const own = marks.slice(index, index + appends.length)
    index += appends.length
    if (isRefused) {
      reject(idTaken(appends.find(({ event }) => event.id !== undefined)!.event.id!))
      continue
    }
    const isAllNew = previous !== undefined && own.every(({ position }, n) => position === previous!.position + n + 1)
    resolve({ marks: own, previous: isAllNew ? previous : undefined })
    previous = isAllNew ? own.at(-1) : undefined
  }
}

function refused(error: unknown): HubError {
  const said = error instanceof Error ? error.message : String(error)
  const hint =
    sqlState(error) === '42501'
      ? ' Run "headwater store check" with the same URL: it says what rights are missing.'
      : ''
  return new HubError('STORE_FAILED', `The event was not stored: the engine refused it (${said}).${hint}`, {
    cause: error,
  })
}

function unreachable(error: unknown, mayBeStored: boolean, waitMs: number): HubError {
  const what = mayBeStored ? 'The event may or may not be stored' : 'The event was not stored'
  const said = error instanceof Error ? error.message : String(error)
  return new HubError('STORE_FAILED', `${what}: the engine did not answer within ${waitMs / 1000} s (${said}).`, {
    cause: error,
  })
}

class TooLate extends Error {}

/** Rejects at a time of `performance.now()`. What was waited for may still happen. */
async function within<T extends object>(promise: Promise<T>, deadline: number): Promise<T> {
  const answer = await withTimeout(Math.max(0, deadline - performance.now()), promise, undefined)
  if (answer) return answer
  throw new TooLate('no answer')
}
