import type { Algorithm } from './algorithms.ts'
import { type FetchLimits, fetchJson } from './fetch-key-set.ts'
import { type KeySetReading, readKeySet } from './key-set.ts'
import type { KeySource, VerificationKey } from './key-source.ts'

/** How a key set is fetched and kept; the defaults are for everyone but tests. Times in milliseconds. */
export interface RemoteKeySetOptions extends Partial<FetchLimits> {
  /** For one fetch. Default 5000. */
  readonly timeoutMs?: number
  /** The largest key set. Default 262144 (256 KiB). */
  readonly maxBytes?: number
  /** How old the keys get before they are fetched again. Default 600000 (10 minutes). */
  readonly refreshMs?: number
  /** How old the keys may get when they cannot be fetched. Default 86400000 (24 hours): then a withdrawn key is out in any case. */
  readonly maxAgeMs?: number
  /** How long, at least, between two fetches because of tokens that no key fits. Default 30000: anybody can send such a token. */
  readonly cooldownMs?: number
  /** How long after a failure before the next try. Default 5000. */
  readonly retryMs?: number
  /** A clock that never goes back. Default `performance.now`. */
  readonly clock?: () => number
  /** Gets what the operator should know. */
  readonly onWarning: (warning: string) => void
}

/**
 * The keys of a JWK Set at a URL. They are fetched when first needed, kept, and fetched again every now and then, and when a token
 * comes that none of them fits: issuers sign with a new key as soon as they have published it. When that fails, the keys there are stay in use.
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
  #lastMatter = ''

  constructor(url: URL, allowed: ReadonlySet<Algorithm>, options: RemoteKeySetOptions) {
    this.url = url
    this.#allowed = allowed
    this.#options = {
      timeoutMs: 5000,
      maxBytes: 256 * 1024,
      refreshMs: 600_000,
      maxAgeMs: 86_400_000,
      cooldownMs: 30_000,
      retryMs: 5000,
      clock: () => performance.now(),
      ...options,
    }
  }

  async current(): Promise<readonly VerificationKey[] | undefined> {
    const { refreshMs, maxAgeMs } = this.#options
    const age = this.#age()
    if (age >= refreshMs) {
      const fetching = this.#fetch()
      // Nobody waits while the keys are only a little old. When nobody had asked for long, they are worth waiting for.
      if (age >= Math.min(2 * refreshMs, maxAgeMs)) await fetching
    }
    return this.#age() < maxAgeMs ? this.#keys : undefined
  }

  async renewed(tried: readonly VerificationKey[]): Promise<readonly VerificationKey[] | undefined> {
    const { clock, cooldownMs } = this.#options
    // While the token was tried with the keys of before, another one may have had them fetched.
    const newer = () => (this.#keys?.some((key) => !tried.includes(key)) ? this.#keys : undefined)
    if (newer()) return newer()
    if (!this.#fetching) {
      if (clock() - this.#renewedAt < cooldownMs || this.#hasJustFailed()) return undefined
      this.#renewedAt = clock()
    }
    await this.#fetch()
    return newer()
  }

  #age(): number {
    return this.#options.clock() - this.#fetchedAt
  }

  #hasJustFailed(): boolean {
    return this.#options.clock() - this.#failedAt < this.#options.retryMs
  }

  /** One fetch at a time, for all who wait; none soon after one that failed. */
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
    const isEmpty = keys.length === 0 ? ['it has no key that can be used, so no token is good'] : []
    this.#warn([...isEmpty, ...remarks].join('; '))
  }

  #onFailure(problem: string): void {
    const { clock, maxAgeMs } = this.#options
    this.#failedAt = clock()
    const isUsable = this.#keys && this.#age() < maxAgeMs
    const consequence = isUsable
      ? `The keys fetched before stay in use, for up to ${Math.round(maxAgeMs / 3_600_000)} hours after they were.`
      : 'Until it can be, no token can be checked.'
    this.#warn(`it could not be fetched: ${problem}. ${consequence}`)
  }

  /** Says what is the matter when it begins, not each time it is seen again. */
  #warn(matter: string): void {
    const { onWarning } = this.#options
    if (matter === this.#lastMatter) return
    if (matter !== '') onWarning(`Key set ${this.url.href}: ${matter.replace(/\.?$/, '.')}`)
    else if (this.#lastMatter !== '') onWarning(`Key set ${this.url.href}: it is as it should be again.`)
    this.#lastMatter = matter
  }
}
