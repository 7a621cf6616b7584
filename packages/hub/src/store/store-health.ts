import { HubError } from '../base/errors.ts'
import type { StoreObserver } from './observed-store.ts'

/** A change in how well a store works. */
export type StoreHealth =
  /** It fails, for a reason that was not reported before. */
  | { readonly name: 'failed'; readonly error: HubError }
  /** It works again. */
  | { readonly name: 'recovered'; readonly ms: number; readonly failures: number }
  /** It took long to keep so many events, or, with 0, to say whether it can; or, if not `hasAnswered`, has not answered for so long. */
  | { readonly name: 'slow'; readonly ms: number; readonly hasAnswered: boolean; readonly events?: number }

/** An answer that takes longer than this is worth reporting, in milliseconds. */
const slowMs = 2000

/** Reports what becomes of a store: that it fails, that it works again, that it is slow. Not each publish that suffers from it. */
export class StoreHealthMonitor implements StoreObserver {
  readonly #report: (health: StoreHealth) => void
  readonly #now: () => number
  readonly #reported = new WeakSet<HubError>()
  #underWay = 0
  /** When the store was last seen to make progress: it answered, or was idle. */
  #progressAt = 0
  #failing: { readonly since: number; readonly reason: string; failures: number } | undefined
  #timer: NodeJS.Timeout | undefined

  /** `now` is in milliseconds. */
  constructor(report: (health: StoreHealth) => void, now: () => number = () => performance.now()) {
    this.#report = report
    this.#now = now
  }

  /** Whether an error is of a failure that was reported. */
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

  /** The next look is only due while something is under way. */
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
