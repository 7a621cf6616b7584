import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { HubError } from '../../base/errors.ts'
import { Fifo } from '../../base/fifo.ts'
import type { Append, HistoryPosition } from '../store.ts'
import { type AppendAnswer, type AppendTuple, toAppendTuple, toMark } from './replication-protocol.ts'
import type { UpstreamClient } from './upstream-client.ts'
import { errorOfFailure, UpstreamError } from './upstream-error.ts'

export interface UpstreamSequencerOptions {
  readonly client: UpstreamClient
  readonly epoch: string
  /** How long an append waits for the hub upstream, in milliseconds. */
  readonly waitMs: number
}

interface Pending {
  readonly group: readonly AppendTuple[]
  readonly deadline: number
  /** Whether a request with it was sent whose outcome is unknown. */
  mayBeStored: boolean
  readonly resolve: (marks: readonly HistoryPosition[]) => void
  readonly reject: (error: HubError) => void
}

/** The most requests under way. What arrives meanwhile is in the next ones. */
const maxRequests = 4
/** About the most events and characters of data in one request. */
const maxEvents = 2000
const maxCharacters = 4 * 1024 ** 2
const retryMs = 200

/**
 * Passes appends on to a hub upstream. Each event has a key, so that a request whose answer was lost
 * is sent again, and stored once.
 */
export class UpstreamSequencer {
  readonly #options: UpstreamSequencerOptions
  readonly #pending = new Fifo<Pending>()
  readonly #requests = new Set<Promise<void>>()
  #isClosed = false

  constructor(options: UpstreamSequencerOptions) {
    this.#options = options
  }

  append(appends: readonly Append[]): Promise<readonly HistoryPosition[]> {
    if (this.#isClosed) {
      return Promise.reject(new HubError('STORE_CLOSED', 'The event was not stored: the store is closed.'))
    }
    return new Promise((resolve, reject) => {
      const group = appends.map((append) =>
        toAppendTuple({ ...append, idempotencyKey: append.idempotencyKey ?? randomUUID() }),
      )
      const deadline = performance.now() + this.#options.waitMs
      this.#pending.push({ group, deadline, mayBeStored: false, resolve, reject })
      this.#send()
    })
  }

  /** Finishes the appends under way. */
  async close(): Promise<void> {
    this.#isClosed = true
    while (this.#requests.size > 0) await Promise.all(this.#requests)
  }

  #send(): void {
    if (this.#requests.size >= maxRequests) return
    const request = this.#sendAll().finally(() => this.#requests.delete(request))
    this.#requests.add(request)
  }

  async #sendAll(): Promise<void> {
    // All appends of this turn of the event loop share one request.
    await new Promise((resolve) => setImmediate(resolve))
    while (this.#pending.length > 0) await this.#store(this.#takeBatch())
  }

  #takeBatch(): Pending[] {
    const batch: Pending[] = []
    let events = 0
    let characters = 0
    while (events < maxEvents && characters < maxCharacters) {
      const pending = this.#pending.shift()
      if (!pending) break
      batch.push(pending)
      events += pending.group.length
      for (const [, , data] of pending.group) characters += data.length
    }
    return batch
  }

  /** Sends a batch until each of its appends is answered, or has waited long enough. */
  async #store(batch: Pending[]): Promise<void> {
    let rest = batch
    while (rest.length > 0) {
      let why = 'the hub upstream could not store it'
      let retryAfterMs = 0
      try {
        const remainingMs = Math.min(...rest.map(({ deadline }) => deadline)) - performance.now()
        rest = answer(rest, await this.#request(rest, Math.max(1000, remainingMs / 2)))
      } catch (error) {
        const failure = errorOfFailure(this.#options.client.url, error)
        if (failure.trouble !== 'away') return rejectAll(rest, failure)
        why = failure.message
        retryAfterMs = failure.retryAfterMs
        for (const pending of rest) pending.mayBeStored = true
      }
      rest = this.#rejectLate(rest, why)
      if (rest.length > 0) await wait(Math.max(retryMs, Math.min(retryAfterMs, 1000)))
    }
  }

  async #request(batch: readonly Pending[], timeoutMs: number): Promise<readonly AppendAnswer[]> {
    const { client, epoch } = this.#options
    const answers = await client.append({ epoch, groups: batch.map(({ group }) => group) }, timeoutMs)
    if (Array.isArray(answers) && answers.length === batch.length) return answers
    throw new UpstreamError('away', 'The answer of the hub upstream has another number of groups.')
  }

  #rejectLate(batch: readonly Pending[], why: string): Pending[] {
    const { waitMs } = this.#options
    return batch.filter(({ deadline, mayBeStored, reject }) => {
      if (performance.now() < deadline) return true
      reject(
        new HubError(
          'STORE_FAILED',
          `${outcomeOf(mayBeStored)}: within ${waitMs / 1000} s, there was no answer. ${why}`,
        ),
      )
      return false
    })
  }
}

/** Settles the appends that are decided, and returns those to be sent again. */
function answer(batch: readonly Pending[], answers: readonly AppendAnswer[]): Pending[] {
  return batch.filter((pending, index) => {
    const { resolve, reject } = pending
    const each = answers[index]!
    if ('marks' in each) {
      resolve(each.marks.map(toMark))
      return false
    }
    // The other hub could not store it now, or was closing.
    if (each.status >= 500) {
      pending.mayBeStored = true
      return true
    }
    // As each store says it.
    if (each.code === 'EVENT_ID_TAKEN') {
      reject(new HubError(each.code, each.detail))
      return false
    }
    const code = refusals.find((known) => known === each.code) ?? 'FORBIDDEN'
    reject(new HubError(code, `The event was not stored, because the hub upstream refused it. ${each.detail}`))
    return false
  })
}

/** Why a hub refuses an event. */
const refusals = [
  'INVALID_TOPIC',
  'INVALID_DATA',
  'INVALID_EVENT_ID',
  'INVALID_EVENT_TYPE',
  'INVALID_RETRY',
  'INVALID_IDEMPOTENCY_KEY',
  'TOO_LARGE',
  'FORBIDDEN',
] as const

function rejectAll(batch: readonly Pending[], error: UpstreamError): void {
  for (const { reject, mayBeStored } of batch) {
    reject(new HubError('STORE_FAILED', `${outcomeOf(mayBeStored)}: ${error.message}`, { cause: error }))
  }
}

function outcomeOf(mayBeStored: boolean): string {
  return mayBeStored ? 'The event may or may not be stored' : 'The event was not stored'
}
