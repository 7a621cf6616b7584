import { HubError } from '../base/errors.ts'
import type { StoreObserver } from './observed-store.ts'

/** A change in the health of a store. */
export type StoreHealth =
  /** The store fails, for a reason that was not reported before. */
  | { readonly name: 'failed'; readonly error: HubError }
  /** The store works again. */
  | { readonly name: 'recovered'; readonly ms: number; readonly failures: number }
  /**
   * The store took long to store this many events, or, with 0, to answer a check. If not
   * `hasAnswered`, it has not answered for this long.
   */
  | { readonly name: 'slow'; readonly ms: number; readonly hasAnswered: boolean; readonly events?: number }

/** An answer that takes this long is reported, in milliseconds. */
const slowMs = 2000

/**
 * Reports when a store fails, works again, or is slow. Does not report each publish that is
 * affected.
 */
export class StoreHealthMonitor implements StoreObserver {
  readonly #report: (health: StoreHealth) => void
  readonly #now: () => number
  readonly #reported = new WeakSet<HubError>()
  #underWay = 0
  /** When the store last made progress: it answered, or was idle. */
  #progressAt = 0
  #failing: { readonly since: number; readonly reason: string; failures: number } | undefined
  #timer: NodeJS.Timeout | undefined

  /** `now` is in milliseconds. */
  constructor(report: (health: StoreHealth) => void, now: () => number = () => performance.now()) {
    this.#report = report
    this.#now = now
  }

  /** Whether an error belongs to a failure that was reported. */
  hasReported(error: unknown): boolean {
    return error instanceof HubError && this.#reported.has(error)
  }

  onStart(): void {
    if (this.#underWay === 0) this.#progressAt = this.#now()
    this.#underWay++
    this.#timer ??= setInterval(() => this.#look(), slowMs).unref()
  }

  onStored(events: number, ms: number): void {
    this.#onAnswer(events, ms)
    if (!this.#failing) return
    const { since, failures } = this.#failing
    this.#failing = undefined
    this.#report({ name: 'recovered', ms: this.#now() - since, failures })
  }

  onFailed(events: number, ms: number, error: unknown): void {
    this.#onAnswer(events, ms)
    if (!(error instanceof HubError) || error.code !== 'STORE_FAILED') return
    this.#reported.add(error)
    const reason = error.message
    if (this.#failing?.reason !== reason) {
      this.#failing = { since: this.#now(), failures: 0, ...this.#failing, reason }
      this.#report({ name: 'failed', error })
    }
    this.#failing.failures++
  }

  #onAnswer(events: number, ms: number): void {
    this.#underWay--
    this.#progressAt = this.#now()
    if (ms >= slowMs) this.#report({ name: 'slow', ms, hasAnswered: true, events })
  }

  /** A further look is only due while a request is under way. */
  #look(): void {
    if (this.#underWay === 0) {
      clearInterval(this.#timer)
      this.#timer = undefined
      return
    }
    const ms = this.#now() - this.#progressAt
    if (ms >= slowMs) this.#report({ name: 'slow', ms, hasAnswered: false })
  }
}
