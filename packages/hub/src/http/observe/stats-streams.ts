import { encodeEvent } from '@headwater/sse'
import { claimSession, type FedSession, frameBytes } from '@headwater/sse/internal'
import type { Session } from '@headwater/sse/server'
import { HubError } from '../../base/errors.ts'
import type { Observatory, Observed } from '../../observe/observatory.ts'

/** How many streams of figures one thread serves at once. */
export const maxStatsStreams = 32
/** How many topics figures come with: the busiest. */
const topics = 100
const stepMs = 1000

/**
 * The figures of a hub as event streams: one `snapshot`, then each second a `step` with what is new.
 * All streams share one reading a second, and without a stream there is none.
 */
export class StatsStreams {
  readonly #observatory: Observatory
  /** Streams, and whether each has had its snapshot. One that had no room needs another one. */
  readonly #sessions = new Map<FedSession, boolean>()
  #reserved = 0
  #timer: NodeJS.Timeout | undefined
  #lastAt = 0

  constructor(observatory: Observatory) {
    this.#observatory = observatory
  }

  /** All figures as of now. */
  snapshot(): Promise<Observed> {
    return this.#observatory.read({ topics, subscribers: 0 })
  }

  /** Prepares a stream. Rejects with `HUB_FULL`. */
  async open(): Promise<{ deliverTo(session: Session): void; abandon(): void }> {
    if (this.#sessions.size + this.#reserved >= maxStatsStreams) {
      throw new HubError(
        'HUB_FULL',
        `${maxStatsStreams} pages show the figures of this hub already, which is the most. Close one of them.`,
      )
    }
    this.#reserved++
    return {
      deliverTo: (session) => {
        this.#reserved--
        claimSession(session, this)
        this.#sessions.set(session, false)
        session.closed.then(() => this.#sessions.delete(session))
        if (this.#timer) clearTimeout(this.#timer)
        void this.#send()
      },
      abandon: () => {
        this.#reserved--
      },
    }
  }

  async #send(): Promise<void> {
    this.#timer = undefined
    try {
      await this.#sendStep()
      if ([...this.#sessions].some(([, hasSnapshot]) => !hasSnapshot)) await this.#sendSnapshot()
    } catch {
      // The hub is closing, or its store failed, which it reports elsewhere. The pages come back.
      for (const session of this.#sessions.keys()) void session.drain()
    }
    if (this.#timer || this.#sessions.size === 0) return
    // In the middle of a second: the one before is complete by then, also in other threads.
    this.#timer = setTimeout(() => void this.#send(), stepMs + 300 - (Date.now() % stepMs))
    this.#timer.unref()
  }

  async #sendStep(): Promise<void> {
    const since = this.#lastAt
    if (![...this.#sessions.values()].includes(true)) return
    const step = await this.#observatory.read({ topics, subscribers: 0, since })
    this.#lastAt = step.at
    const bytes = bytesOf('step', step)
    for (const [session, hasSnapshot] of this.#sessions) {
      if (!hasSnapshot) continue
      if (session.hasRoom) session.offer(bytes)
      else this.#sessions.set(session, false)
    }
  }

  async #sendSnapshot(): Promise<void> {
    const snapshot = await this.snapshot()
    // The next step has what happened since this reading, or the step before.
    if (this.#lastAt === 0 || ![...this.#sessions.values()].includes(true)) this.#lastAt = snapshot.at
    const bytes = bytesOf('snapshot', snapshot)
    for (const [session, hasSnapshot] of this.#sessions) {
      if (hasSnapshot || !session.hasRoom) continue
      session.offer(bytes)
      this.#sessions.set(session, true)
    }
  }
}

function bytesOf(type: string, observed: Observed): Uint8Array {
  return frameBytes(encodeEvent({ type, data: JSON.stringify(observed) }))
}
