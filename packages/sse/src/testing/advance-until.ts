import { SseError } from '../protocol/errors.ts'
import { now, rest, settle } from './real-time.ts'

/** Fake timers: those of Vitest (`vi`), of Jest (`jest`), or a `FakeClock`. */
export interface FakeTimers {
  getTimerCount(): number
  advanceTimersToNextTimerAsync(): Promise<unknown>
}

/**
 * Advances fake timers, from each to the next, until a promise is settled, and returns its value.
 * Before each step it lets everything run that waits for neither the clock nor a socket, so that for
 * example a client that was cut has begun its wait:
 *
 * ```ts
 * vi.useFakeTimers()
 * await advanceUntil(fetch.request(2), vi)
 * ```
 *
 * With a real socket it cannot know what is still on its way, so a timer may come first that would
 * come later: prefer `scriptedFetch` with fake timers.
 *
 * @param timeoutMs How long it tries, in real milliseconds. Default 5000.
 * @throws The reason of the promise if it rejects; {SseError} `WAIT_ENDED` if it is not settled in time.
 */
export async function advanceUntil<T>(promise: Promise<T>, timers: FakeTimers, timeoutMs = 5000): Promise<T> {
  const { getTimerCount, advanceTimersToNextTimerAsync } = Object(timers) as Partial<FakeTimers>
  if (typeof getTimerCount !== 'function' || typeof advanceTimersToNextTimerAsync !== 'function')
    throw new SseError('INVALID_OPTION', 'advanceUntil() needs the fake timers: vi, jest, or a clock.')
  let isSettled = false
  const mark = () => {
    isSettled = true
  }
  promise.then(mark, mark)
  const start = now()
  await settle()
  while (!isSettled) {
    if (now() - start > timeoutMs) {
      const count = timers.getTimerCount()
      const pending = count === 0 ? 'No timer is pending.' : `Timers pending: ${count}.`
      throw new SseError('WAIT_ENDED', `advanceUntil() waited for ${timeoutMs} ms. ${pending}`)
    }
    if (timers.getTimerCount() > 0) await timers.advanceTimersToNextTimerAsync()
    else await rest()
    await settle()
  }
  return promise
}
