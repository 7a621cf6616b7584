import { HubError } from '../../base/errors.ts'
import { decorateStore } from '../../store/decorate-store.ts'
import type { EventStore } from '../../store/store.ts'
import type { Log } from './log.ts'

/** An append or a check that takes longer than this gets a line in the log, in milliseconds. */
const slowMs = 2000

/**
 * Logs the state of the store: that it fails, works again, or is slow. Does not log each publish
 * that suffers from it.
 */
export class StoreWatch {
  readonly #log: Log
  readonly #now: () => number
  readonly #logged = new WeakSet<HubError>()
  /** When each append and check in progress began, oldest first. */
  readonly #underWay = new Set<{ readonly since: number }>()
  #failing: { readonly since: number; readonly reason: string; failures: number } | undefined
  #timer: NodeJS.Timeout | undefined

  /** `now` returns milliseconds. */
  constructor(log: Log, now: () => number = () => performance.now()) {
    this.#log = log
    this.#now = now
  }

  /** Returns a store that does the same and is watched. */
  watch(store: EventStore): EventStore {
    const { appendAll, check } = store
    return decorateStore(store, {
      append: (event, options) => this.#follow('store an event', () => store.append(event, options)),
      ...(appendAll && {
        appendAll: (appends) => this.#follow('store several events', () => appendAll.call(store, appends)),
      }),
      ...(check && { check: () => this.#follow('check that it can store events', () => check.call(store)) }),
    })
  }

  /** Whether the error belongs to a failure that was logged. */
  hasLogged(error: unknown): boolean {
    return error instanceof HubError && this.#logged.has(error)
  }

  /** Observes an operation, and returns its own promise. */
  #follow<T>(what: string, work: () => Promise<T>): Promise<T> {
    const entry = { since: this.#now() }
    this.#underWay.add(entry)
    this.#timer ??= setInterval(() => this.#look(), slowMs).unref()
    const working = work()
    const onEnd = () => {
      this.#underWay.delete(entry)
      const ms = this.#now() - entry.since
      if (ms >= slowMs) this.#logSlow(`took ${seconds(ms)} to ${what}`, ms)
    }
    working.then(
      () => {
        this.#onSuccess()
        onEnd()
      },
      (error: unknown) => {
        if (error instanceof HubError && error.code === 'STORE_FAILED') this.#onFailure(error)
        onEnd()
      },
    )
    return working
  }

  /**
   * Checks how long the oldest operation has taken. Stops the timer when nothing is in progress.
   */
  #look(): void {
    const [oldest] = this.#underWay
    if (!oldest) {
      clearInterval(this.#timer)
      this.#timer = undefined
      return
    }
    const ms = this.#now() - oldest.since
    if (ms >= slowMs) this.#logSlow(`has not answered for ${seconds(ms)}`, ms)
  }

  #logSlow(what: string, ms: number): void {
    this.#log.writeThrottled('store-slow', `the store ${what}. Check what else uses its disk.`, {
      seconds: Math.round(ms) / 1000,
    })
  }

  #onFailure(error: HubError): void {
    this.#logged.add(error)
    const reason = error.message
    if (this.#failing?.reason !== reason) {
      this.#failing = { since: this.#now(), failures: 0, ...this.#failing, reason }
      this.#log.writeThrottled('store-failed', `the store failed, and publishers get 503: ${reason}`, {
        reason,
      })
    }
    this.#failing.failures++
  }

  #onSuccess(): void {
    if (!this.#failing) return
    const { since, failures } = this.#failing
    this.#failing = undefined
    const ms = this.#now() - since
    this.#log.writeThrottled(
      'store-recovered',
      `the store works again, after ${seconds(ms)} and ${failures} failures.`,
      {
        seconds: Math.round(ms) / 1000,
        failures,
      },
    )
  }
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`
}
