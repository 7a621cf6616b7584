import { setTimeout as sleep } from 'node:timers/promises'
import type { Algorithm } from './algorithms.ts'
import { type FetchLimits, fetchJson } from './fetch-key-set.ts'
import { type KeySetReading, readKeySet } from './key-set.ts'
import type { KeySource, Renewal, VerificationKey } from './key-source.ts'

/** How to fetch and cache a key set. Only tests change the defaults. Times in milliseconds. */
export interface RemoteKeySetOptions extends Partial<FetchLimits> {
  /** For one fetch. Default 5000. */
  readonly timeoutMs?: number
  /** The largest key set. Default 262144 (256 KiB). */
  readonly maxBytes?: number
  /** The age at which keys are fetched again. Default 600000 (10 minutes). */
  readonly refreshMs?: number
  /**
   * The age up to which keys are used while fetching fails. Default 86400000 (24 hours): after
   * that, a withdrawn key no longer counts.
   */
  readonly maxAgeMs?: number
  /**
   * The least time between two fetches caused by tokens that no key fits. Default 10000: anyone can
   * send such a token, and a good one waits as long.
   */
  readonly cooldownMs?: number
  /** The time from a failure to the next attempt. Default 5000. */
  readonly retryMs?: number
  /** A monotonic clock. Default `performance.now`. */
  readonly clock?: () => number
  /** Resolves after a time. Default: a timer. */
  readonly wait?: (ms: number) => Promise<void>
  /** Receives warnings for the operator. */
  readonly onWarning: (warning: string) => void
}

/** The most requests that wait for a fetch, and for how long. */
const maxWaiting = 1000
const maxWaitMs = 10_000

/**
 * The keys of a JWK Set at a URL. Fetches them when first needed, again from time to time, and when
 * a token arrives that no key fits: issuers sign with a new key as soon as they have published it.
 * If fetching fails, the previous keys stay in use.
 */
export class RemoteKeySet implements KeySource {
  readonly url: URL
  readonly #allowed: ReadonlySet<Algorithm>
  readonly #options: Required<RemoteKeySetOptions>
  #keys: readonly VerificationKey[] | undefined
  #fetchedAt = Number.NEGATIVE_INFINITY
  #failedAt = Number.NEGATIVE_INFINITY
  #renewedAt = Number.NEGATIVE_INFINITY
  #fetching: Promise<void> | undefined
  /** A fetch for tokens that no key fits, which waits until it may begin. */
  #nextRenewal: Promise<void> | undefined
  #waiting = 0
  #lastMatter = ''

  constructor(url: URL, allowed: ReadonlySet<Algorithm>, options: RemoteKeySetOptions) {
    this.url = url
    this.#allowed = allowed
    this.#options = {
      timeoutMs: 5000,
      maxBytes: 256 * 1024,
      refreshMs: 600_000,
      maxAgeMs: 86_400_000,
      cooldownMs: 10_000,
      retryMs: 5000,
      clock: () => performance.now(),
      wait: (ms) => sleep(ms),
      ...options,
    }
  }

  async current(): Promise<readonly VerificationKey[] | undefined> {
    const { refreshMs, maxAgeMs } = this.#options
    const age = this.#age()
    if (age >= refreshMs) {
      const fetching = this.#fetch()
      // While the keys are only a little old, requests do not wait. If they were not used for long,
      // requests wait for new ones.
      if (age >= Math.min(2 * refreshMs, maxAgeMs)) await fetching
    }
    return this.#age() < maxAgeMs ? this.#keys : undefined
  }

  async renewed(tried: readonly VerificationKey[], { mayWait }: { readonly mayWait: boolean }): Promise<Renewal> {
    // While this token was tried with the previous keys, another token may have caused a fetch.
    const newer = () => (this.#keys?.some((key) => !tried.includes(key)) ? this.#keys : undefined)
    if (!newer()) {
      const renewal = this.#renew(mayWait)
      if (!renewal) return { name: 'unknown' }
      await renewal
    }
    const keys = newer()
    if (keys) return { name: 'keys', keys, isComplete: true }
    return { name: this.#failedAt >= this.#fetchedAt ? 'unknown' : 'none' }
  }

  /** Resolves when the keys were asked for; `undefined` if they cannot be soon. */
  #renew(mayWait: boolean): Promise<void> | undefined {
    if (this.#fetching) return this.#fetching
    const { clock, cooldownMs, retryMs } = this.#options
    const waitMs = Math.max(this.#renewedAt + cooldownMs, this.#failedAt + retryMs) - clock()
    if (waitMs <= 0) return this.#renewNow()
    if (!mayWait || waitMs > maxWaitMs || this.#waiting >= maxWaiting) return undefined
    this.#waiting++
    this.#nextRenewal ??= this.#options.wait(waitMs).then(() => {
      this.#nextRenewal = undefined
      this.#waiting = 0
      return this.#renewNow()
    })
    return this.#nextRenewal
  }

  #renewNow(): Promise<void> {
    this.#renewedAt = this.#options.clock()
    return this.#fetch()
  }

  #age(): number {
    return this.#options.clock() - this.#fetchedAt
  }

  #hasJustFailed(): boolean {
    return this.#options.clock() - this.#failedAt < this.#options.retryMs
  }

  /**
   * Runs one fetch at a time, shared by all waiting requests. Does not fetch soon after a failure.
   */
  #fetch(): Promise<void> {
    if (!this.#fetching && this.#hasJustFailed()) return Promise.resolve()
    this.#fetching ??= this.#fetchOnce().finally(() => {
      this.#fetching = undefined
    })
    return this.#fetching
  }

  async #fetchOnce(): Promise<void> {
    const outcome = await fetchJson(this.url, this.#options)
    const reading: KeySetReading = outcome.name === 'json' ? readKeySet(outcome.json, this.#allowed) : outcome
    if (reading.name === 'problem') this.#onFailure(reading.problem)
    else this.#onKeys(reading.keys, reading.remarks)
  }

  #onKeys(keys: readonly VerificationKey[], remarks: readonly string[]): void {
    this.#keys = keys
    this.#fetchedAt = this.#options.clock()
    this.#failedAt = Number.NEGATIVE_INFINITY
    const isEmpty = keys.length === 0 ? ['it has no usable key, so no token is accepted'] : []
    this.#warn([...isEmpty, ...remarks].join('; '))
  }

  #onFailure(problem: string): void {
    const { clock, maxAgeMs } = this.#options
    this.#failedAt = clock()
    const isUsable = this.#keys && this.#age() < maxAgeMs
    const consequence = isUsable
      ? `The keys fetched before stay in use for up to ${Math.round(maxAgeMs / 3_600_000)} hours after their fetch.`
      : 'Until it can be fetched, no token can be checked.'
    this.#warn(`it could not be fetched: ${problem}. ${consequence}`)
  }

  /** Reports a problem when it begins, not each time it is seen. */
  #warn(matter: string): void {
    const { onWarning } = this.#options
    if (matter === this.#lastMatter) return
    if (matter !== '') onWarning(`Key set ${this.url.href}: ${matter.replace(/\.?$/, '.')}`)
    else if (this.#lastMatter !== '') onWarning(`Key set ${this.url.href}: it works again.`)
    this.#lastMatter = matter
  }
}
