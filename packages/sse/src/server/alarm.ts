import { letProcessEnd, longestTimerMs } from './timer.ts'

/** An object that an alarm wakes. */
export interface Timed {
  /** Does everything due by `now`, which is `performance.now()` or a little ahead of it. */
  onAlarm(now: number): void
}

/** An alarm that was set for one object. */
export interface Alarm {
  cancel(timed: Timed): void
}

/**
 * Sets an alarm: wakes the object once, this many milliseconds from now, or up to a thirtieth of
 * that sooner.
 */
export type SetAlarm = (timed: Timed, milliseconds: number) => Alarm

/**
 * One timer for all objects to wake at about the same time. A heartbeat every ten seconds needs
 * about forty timers, however many sessions there are, and a session needs a place in a set instead
 * of a timer and its closure. Writing to many connections in one go also costs less.
 */
export const setSharedAlarm: SetAlarm = (timed, milliseconds) => {
  // An object that is woken too soon sets the next alarm.
  const waitMs = Math.min(milliseconds, longestTimerMs)
  const grainMs = 2 ** Math.floor(Math.log2(Math.max(waitMs / 32, 1)))
  const now = performance.now()
  const at = Math.floor((now + waitMs) / grainMs) * grainMs
  const through = at + grainMs
  let alarm = shared.get(through)
  if (!alarm) {
    alarm = new SharedAlarm(at - now, through)
    shared.set(through, alarm)
  }
  alarm.all.add(timed)
  return alarm
}

/**
 * A separate timer per object: in workerd a timer belongs to a request, and must not touch another
 * request's objects.
 */
export const setOwnAlarm: SetAlarm = (timed, milliseconds) => {
  const timer = setTimeout(() => timed.onAlarm(performance.now()), Math.min(milliseconds, longestTimerMs))
  letProcessEnd(timer)
  return { cancel: () => clearTimeout(timer) }
}

/** A few milliseconds' worth of heartbeats. */
const calledAtOnce = 500

/** The groups, by the time up to which their alarms are due. */
const shared = new Map<number, SharedAlarm>()

class SharedAlarm implements Alarm {
  readonly all = new Set<Timed>()
  readonly #through: number
  #timer: ReturnType<typeof setTimeout>

  constructor(milliseconds: number, through: number) {
    this.#through = through
    this.#timer = this.#goOffIn(milliseconds)
  }

  cancel(timed: Timed): void {
    this.all.delete(timed)
    if (this.all.size > 0) return
    clearTimeout(this.#timer)
    this.#forget()
  }

  #goOffIn(milliseconds: number): ReturnType<typeof setTimeout> {
    const timer = setTimeout(() => this.#goOff(), Math.max(milliseconds, 1))
    letProcessEnd(timer)
    return timer
  }

  /** Wakes a few hundred objects, then lets the process do other work. */
  #goOff(): void {
    this.#forget()
    let count = 0
    for (const timed of this.all) {
      if (count === calledAtOnce) {
        this.#timer = this.#goOffIn(1)
        return
      }
      count++
      this.all.delete(timed)
      timed.onAlarm(this.#through)
    }
  }

  #forget(): void {
    if (shared.get(this.#through) === this) shared.delete(this.#through)
  }
}
