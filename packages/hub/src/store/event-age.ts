/**
 * The longest that the clock may advance between two looks at it, in milliseconds. After a longer
 * step it has to be right for as long before events age by it.
 */
export const longestStepMs = 3_600_000

/**
 * The time by which events age: that of the clock, unless the clock has jumped ahead. A clock that
 * is wrong for a while must not drop the whole history, because what is dropped does not come back.
 * So after a jump the time stands still until the clock has gone on for an hour from there. A
 * process that was stopped for long cannot tell this from a jump: its events go an hour late.
 *
 * docs/decisions/0029
 */
export class AgeClock {
  #time: number | undefined
  #seen = -Infinity
  /** What the clock said after it had jumped ahead. */
  #jumpedTo: number | undefined

  /** @param time The time when it was last known. Default: what the clock says first. */
  constructor(time?: number) {
    this.#time = time
  }

  /** `at` is what the clock says now. */
  now(at: number): number {
    this.#time ??= at
    const step = at - this.#seen
    this.#seen = at
    if (at - this.#time <= longestStepMs) this.#follow(at)
    else if (this.#jumpedTo === undefined || step > longestStepMs || step < 0) this.#jumpedTo = at
    else if (at - this.#jumpedTo >= longestStepMs) this.#follow(at)
    return this.#time
  }

  #follow(at: number): void {
    this.#time = at
    this.#jumpedTo = undefined
  }
}

/** A point in the history before which the clock had been ahead. */
export interface ClockStep {
  /** The first event after the clock went back. */
  readonly position: number
  readonly storedAt: number
}

/** A clock that goes back by less than this, in milliseconds, is only being adjusted. */
const toleranceMs = 1000

/**
 * Tells when an event was stored at the latest: not after any event that follows it, whatever the
 * clock said. So one event that was stored with a clock ahead of time does not keep those behind it
 * from aging.
 */
export class StoredTimes {
  /** In order of position, and of time: a step makes earlier ones with a later time needless. */
  #steps: readonly ClockStep[]
  /** The latest time since the last step. */
  #latest: number

  constructor(steps: readonly ClockStep[] = [], newestAt = -Infinity) {
    this.#steps = steps
    this.#latest = newestAt
  }

  /** The same, to go on from. */
  copy(): StoredTimes {
    return new StoredTimes(this.#steps, this.#latest)
  }

  /** Whether the clock has gone back since the newest event was stored. */
  isStep(at: number): boolean {
    return at < this.#latest - toleranceMs
  }

  /** Notes when a new event was stored. */
  add(position: number, at: number): void {
    if (this.isStep(at)) {
      this.#steps = [...this.#steps.filter(({ storedAt }) => storedAt < at), { position, storedAt: at }]
      this.#latest = at
    }
    this.#latest = Math.max(this.#latest, at)
  }

  /** When an event was stored, by the clock of then or of later events. */
  latest(position: number, storedAt: number): number {
    if (this.#steps.length === 0) return storedAt
    const step = this.#steps.find((step) => step.position > position)
    return step ? Math.min(step.storedAt, storedAt) : storedAt
  }

  /** Forgets the steps that concern only events up to this position. */
  forget(position: number): void {
    if (this.#steps.length > 0) this.#steps = this.#steps.filter((step) => step.position > position + 1)
  }
}
