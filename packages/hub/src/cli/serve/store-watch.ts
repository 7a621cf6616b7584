import { HubError } from '../../base/errors.ts'
import { decorateStore } from '../../store/decorate-store.ts'
import type { EventStore } from '../../store/store.ts'
import type { Log } from './log.ts'

/** An append or a check that takes longer than this is worth a line, in milliseconds. */
const slowMs = 2000

/** Tells the operator what becomes of a store: that it fails, that it works again, that it is slow. Not each publish that suffers from it. */
export class StoreWatch {
  readonly #log: Log
  readonly #now: () => number
  readonly #logged = new WeakSet<HubError>()
  /** When each append and check under way began, the oldest first. */
  readonly #underWay = new Set<{ readonly since: number }>()
  #failing: { readonly since: number; readonly reason: string; failures: number } | undefined
  #timer: NodeJS.Timeout | undefined

  /** `now` is in milliseconds. */
  constructor(log: Log, now: () => number = () => performance.now()) {
    this.#log = log
    this.#now = now
  }

  /** A store that does what another does, and is watched. */
  watch(store: EventStore): EventStore {
    const { appendAll, check } = store
    return decorateStore(store, {
      append: (event, options) => this.#follow('keep an event', () => store.append(event, options)),
      ...(appendAll && {
        appendAll: (appends) => this.#follow('keep several events', () => appendAll.call(store, appends)),
      }),
      ...(check && { check: () => this.#follow('say whether it can keep events', () => check.call(store)) }),
    })
  }

  /** Whether an error is of a failure that was told of. */
  hasLogged(error: unknown): boolean {
    return error instanceof HubError && this.#logged.has(error)
  }

  /** Looks on, and gives back the promise itself. */
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

  /** The next look is only due while something is under way. */
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
    this.#log.writeThrottled('store-slow', `the store ${what}. Look at what else uses its disk.`, {
      seconds: Math.round(ms) / 1000,
    })
  }

  #onFailure(error: HubError): void {
    this.#logged.add(error)
    const reason = error.message
    if (this.#failing?.reason !== reason) {
      this.#failing = { since: this.#now(), failures: 0, ...this.#failing, reason }
      this.#log.writeThrottled('store-failed', `the store failed, and publishers are answered 503: ${reason}`, {
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
