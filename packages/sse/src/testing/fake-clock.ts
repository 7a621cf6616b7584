import { SseError } from '../protocol/errors.ts'
import { namesOf, refuseUnknownName } from '../server/names.ts'
import { advanceUntil, type FakeTimers } from './advance-until.ts'
import { settle } from './real-time.ts'
import { checkTime } from './steps.ts'

export interface FakeClockOptions {
  /** The time at which the clock stands, in milliseconds since 1970. Default: now. */
  now?: number | undefined
}

/**
 * A clock that stands still until a test advances it. The clients' and the sessions' waits follow it:
 * reconnects, idle timeouts, heartbeats, stall timeouts. Sockets, streams and promises do not.
 */
export interface FakeClock extends FakeTimers, Disposable {
  /** The time, in milliseconds since 1970. */
  readonly now: number
  /** How many timers are pending. */
  readonly timerCount: number
  /**
   * Advances the clock by so many milliseconds. Runs each timer at its time, and lets everything run
   * that it sets off, before the next.
   */
  advance(milliseconds: number): Promise<void>
  /** Advances the clock until a promise is settled, and returns its value: see `advanceUntil`. */
  until<T>(promise: Promise<T>, timeoutMs?: number): Promise<T>
  /** Makes the runtime's clock the clock again. Timers still pending never fire. `using` calls it. */
  uninstall(): void
}

/**
 * Replaces the global `setTimeout`, `setInterval`, `clearTimeout`, `clearInterval`, `Date` and
 * `performance.now` by those of a clock in the test's hands. Works under every test runner. With the
 * fake timers of Vitest or Jest you need none: pass `vi` or `jest` to `advanceUntil`.
 *
 * @throws {SseError} `INVALID_OPTION`, also if fake timers are installed already.
 */
export function installFakeClock(options: FakeClockOptions = {}): FakeClock {
  refuseUnknownName("installFakeClock()'s options", options, optionNames)
  if (options.now !== undefined) checkTime('now', options.now)
  if ('clock' in globalThis.setTimeout) {
    throw new SseError(
      'INVALID_OPTION',
      'Fake timers are installed already. Uninstall them first, or pass them (vi, jest) to advanceUntil().',
    )
  }
  return new Clock(options.now ?? Date.now())
}

const optionNames = namesOf<FakeClockOptions>({ now: true })

type Task = (...args: unknown[]) => void

interface Timer {
  readonly id: number
  due: number
  /** Undefined for a timer that fires once. */
  readonly intervalMs: number | undefined
  readonly delayMs: number
  readonly task: Task
  readonly args: unknown[]
}

class Clock implements FakeClock {
  #now: number
  readonly #start: number
  #lastId = 0
  readonly #timers = new Map<number, Timer>()
  readonly #uninstall: () => void

  constructor(start: number) {
    this.#now = start
    this.#start = start
    this.#uninstall = this.#install()
  }

  get now(): number {
    return this.#now
  }

  get timerCount(): number {
    return this.#timers.size
  }

  getTimerCount(): number {
    return this.#timers.size
  }

  async advance(milliseconds: number): Promise<void> {
    checkTime('advance()', milliseconds)
    const end = this.#now + milliseconds
    await settle()
    for (let timer = this.#next(); timer && timer.due <= end; timer = this.#next()) {
      this.#fire(timer)
      await settle()
    }
    this.#now = Math.max(this.#now, end)
    await settle()
  }

  async advanceTimersToNextTimerAsync(): Promise<void> {
    const timer = this.#next()
    if (timer) this.#fire(timer)
  }

  until<T>(promise: Promise<T>, timeoutMs?: number): Promise<T> {
    return advanceUntil(promise, this, timeoutMs)
  }

  uninstall(): void {
    this.#uninstall()
    this.#timers.clear()
  }

  [Symbol.dispose](): void {
    this.uninstall()
  }

  /** The timer that is due first; of several, the one set first. */
  #next(): Timer | undefined {
    let next: Timer | undefined
    for (const timer of this.#timers.values()) if (!next || timer.due < next.due) next = timer
    return next
  }

  #fire(timer: Timer): void {
    this.#now = Math.max(this.#now, timer.due)
    this.#timers.delete(timer.id)
    // An interval is set again behind the timers of the same time.
    if (timer.intervalMs !== undefined)
      this.#timers.set(timer.id, Object.assign(timer, { due: this.#now + timer.intervalMs }))
    timer.task(...timer.args)
  }

  #set(task: Task, delayMs: number | undefined, repeats: boolean, args: unknown[]): object {
    // As in every runtime: at least 1 ms, and 1 ms for what is too long.
    const delay = Number(delayMs) >= 1 && Number(delayMs) <= 2_147_483_647 ? Number(delayMs) : 1
    this.#lastId += 1
    const id = this.#lastId
    const timer: Timer = {
      id,
      due: this.#now + delay,
      intervalMs: repeats ? delay : undefined,
      delayMs: delay,
      task,
      args,
    }
    this.#timers.set(id, timer)
    const handle = {
      [fakeId]: id,
      ref: () => handle,
      unref: () => handle,
      hasRef: () => true,
      refresh: () => {
        this.#timers.delete(id)
        this.#timers.set(id, Object.assign(timer, { due: this.#now + delay }))
        return handle
      },
      [Symbol.toPrimitive]: () => id,
    }
    return handle
  }

  #install(): () => void {
    const real = { setTimeout, setInterval, clearTimeout, clearInterval, Date }
    const clock = this
    const clear = (realClear: (handle: never) => void) => (handle: unknown) => {
      const id = (Object(handle) as { [fakeId]?: number })[fakeId]
      if (id !== undefined) this.#timers.delete(id)
      // One that was set before the clock was installed.
      else realClear(handle as never)
    }
    const FakeDate = class extends real.Date {
      constructor(...args: [] | ConstructorParameters<DateConstructor>) {
        super(...((args.length === 0 ? [clock.#now] : args) as ConstructorParameters<DateConstructor>))
      }
      static override now = () => clock.#now
    }
    const fake = {
      setTimeout: (task: Task, delayMs?: number, ...args: unknown[]) => this.#set(task, delayMs, false, args),
      setInterval: (task: Task, delayMs?: number, ...args: unknown[]) => this.#set(task, delayMs, true, args),
      clearTimeout: clear(real.clearTimeout),
      clearInterval: clear(real.clearInterval),
      Date: FakeDate,
    }
    Object.defineProperty(fake.setTimeout, 'clock', { value: this })
    Object.assign(globalThis, fake)
    const startedAt = performance.now()
    Object.defineProperty(performance, 'now', {
      value: () => startedAt + (this.#now - this.#start),
      configurable: true,
      writable: true,
    })
    return () => {
      if (globalThis.setTimeout !== (fake.setTimeout as unknown)) return
      Object.assign(globalThis, real)
      Reflect.deleteProperty(performance, 'now')
    }
  }
}

/** Marks the handle of a fake timer. */
const fakeId = Symbol('fake timer')
