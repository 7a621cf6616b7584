import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { setOwnAlarm, setSharedAlarm } from '../../src/server/alarm.ts'

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }))
afterEach(() => void vi.useRealTimers())

const timed = () => ({ onAlarm: vi.fn<(now: number) => void>() })

describe.each([
  ['an alarm of its own', setOwnAlarm],
  ['a shared alarm', setSharedAlarm],
])('%s', (_, setAlarm) => {
  test.each([2, 20, 1000, 10_000, 3_600_000])('wakes its timed once, %s ms later or a little sooner', (waitMs) => {
    const { onAlarm } = timed()
    const due = performance.now() + waitMs
    setAlarm({ onAlarm }, waitMs)
    vi.advanceTimersByTime(Math.floor(waitMs * 0.96) - 1)
    expect(onAlarm).not.toHaveBeenCalled()
    vi.advanceTimersByTime(Math.ceil(waitMs * 0.04) + 1)
    expect(onAlarm).toHaveBeenCalledOnce()
    // So that what it was set for is done, and not put off by another alarm of a moment.
    expect(onAlarm.mock.calls[0]![0]).toBeGreaterThanOrEqual(due)
    vi.advanceTimersByTime(waitMs * 2)
    expect(onAlarm).toHaveBeenCalledOnce()
  })

  test('that is cancelled wakes nobody', () => {
    const { onAlarm } = timed()
    setAlarm({ onAlarm }, 1000).cancel({ onAlarm })
    const one = timed()
    const alarm = setAlarm(one, 1000)
    alarm.cancel(one)
    vi.advanceTimersByTime(2000)
    expect(one.onAlarm).not.toHaveBeenCalled()
  })

  test('can be set for longer than a timer can run', () => {
    const { onAlarm } = timed()
    setAlarm({ onAlarm }, 2 ** 40)
    vi.advanceTimersByTime(10_000)
    expect(onAlarm).not.toHaveBeenCalled()
  })
})

describe('shared alarms', () => {
  test('are one timer for all all that are due at about the same time', () => {
    const all = Array.from({ length: 1000 }, timed)
    for (const each of all) {
      setSharedAlarm(each, 10_000)
      vi.advanceTimersByTime(0.1)
    }
    expect(vi.getTimerCount()).toBeLessThanOrEqual(5)
    vi.advanceTimersByTime(10_000)
    for (const { onAlarm } of all) expect(onAlarm).toHaveBeenCalledOnce()
    expect(vi.getTimerCount()).toBe(0)
  })

  test('wake very many some at a time, so that other work has its turn between', () => {
    const all = Array.from({ length: 1200 }, timed)
    const alarms = all.map((each) => setSharedAlarm(each, 1000))
    const awake = () => all.filter(({ onAlarm }) => onAlarm.mock.calls.length === 1).length
    const counts: number[] = []
    for (vi.advanceTimersToNextTimer(); awake() < 1000; vi.advanceTimersToNextTimer()) counts.push(awake())
    expect(counts).toEqual([500])
    // One who has to wait for the next turn can still be cancelled.
    alarms.at(-1)!.cancel(all.at(-1)!)
    vi.advanceTimersByTime(1000)
    expect(awake()).toBe(1199)
    expect(vi.getTimerCount()).toBe(0)
  })

  test('go off for the others when one of them is cancelled', () => {
    const [one, other] = [timed(), timed()]
    const alarm = setSharedAlarm(one, 1000)
    setSharedAlarm(other, 1000)
    alarm.cancel(one)
    vi.advanceTimersByTime(1000)
    expect(one.onAlarm).not.toHaveBeenCalled()
    expect(other.onAlarm).toHaveBeenCalledOnce()
  })

  test('leave no timer behind when all are cancelled', () => {
    const one = timed()
    setSharedAlarm(one, 1000).cancel(one)
    expect(vi.getTimerCount()).toBe(0)
  })
})
