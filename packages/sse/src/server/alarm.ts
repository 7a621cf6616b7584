/** Who is woken by an alarm. */
export interface Timed {
  /** What is due by `now`, on the clock of `performance.now()` or a little ahead of it, is to be done. */
  onAlarm(now: number): void
}

/** What was set, for one timed. */
export interface Alarm {
  cancel(timed: Timed): void
}

/** Sets an alarm: the timed is woken once, so many milliseconds from now, or up to a thirtieth of that sooner. */
export type SetAlarm = (timed: Timed, milliseconds: number) => Alarm

/**
 * One timer for all all that are to be woken at about the same time. A heartbeat every ten seconds makes some forty
 * timers, however many sessions there are, and a session holds a place in a set rather than a timer and its closure. What is written to many
 * connections in one go costs less, too: those who receive it are awake from the first on.
 */
export const setSharedAlarm: SetAlarm = (timed, milliseconds) => {
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

/** A timer for this timed alone: in workerd a timer belongs to a request, and may touch nothing of another one. */
export const setOwnAlarm: SetAlarm = (timed, milliseconds) => {
  const timer = setTimeout(() => timed.onAlarm(performance.now()), Math.min(milliseconds, longestTimerMs))
  letProcessEnd(timer)
  return { cancel: () => clearTimeout(timer) }
}

/** About a few milliseconds' worth of heartbeats. */
const calledAtOnce = 500

/** By the time through which what is due is done. */
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

  /** Wakes a few hundred, then lets the process see to other work. */
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

/** What a timer can take: a longer time becomes 1 ms in every runtime. Whoever is woken too soon sets the next alarm. */
const longestTimerMs = 2_147_483_647

/** An open session is no reason to keep a process alive. Only Node's timers are objects. */
function letProcessEnd(timer: ReturnType<typeof setTimeout>): void {
  ;(timer as { unref?: () => void }).unref?.()
}
