import type { Scheduler, Task } from './scheduler.ts'

/**
 * Puts the scheduler in the place of everything by which time and chance come into a program, and returns what takes it out
 * again. Who asks for a timer is whoever's task it is now.
 */
export function simulateGlobals(scheduler: Scheduler): () => void {
  class Timer {
    task: Task | undefined

    unref(): this {
      return this
    }

    ref(): this {
      return this
    }
  }

  const setTimer = (callback: (...args: unknown[]) => void, ms: unknown, args: unknown[], repeats: boolean): Timer => {
    const timer = new Timer()
    const owner = scheduler.current
    const delay = Math.max(1, Number(ms) || 0)
    const arm = () => {
      timer.task = scheduler.after(delay, owner, () => {
        if (repeats) arm()
        callback(...args)
      })
    }
    arm()
    return timer
  }
  const clearTimer = (timer: unknown): void => {
    if (timer instanceof Timer && timer.task) timer.task.isCancelled = true
  }

  return replace([
    [
      globalThis,
      {
        setTimeout: (callback: () => void, ms?: number, ...args: unknown[]) => setTimer(callback, ms, args, false),
        setInterval: (callback: () => void, ms?: number, ...args: unknown[]) => setTimer(callback, ms, args, true),
        setImmediate: (callback: (...args: unknown[]) => void, ...args: unknown[]) => {
          const timer = new Timer()
          timer.task = scheduler.soon(scheduler.current, () => callback(...args))
          return timer
        },
        clearTimeout: clearTimer,
        clearInterval: clearTimer,
        clearImmediate: clearTimer,
      },
    ],
    [performance, { now: () => scheduler.readClock() }],
    [Date, { now: () => scheduler.date }],
    [Math, { random: () => scheduler.random() }],
    [
      crypto,
      {
        getRandomValues: <T extends Uint8Array | Uint32Array>(array: T): T => {
          for (let index = 0; index < array.length; index++) array[index] = Math.floor(scheduler.random() * 2 ** 32)
          return array
        },
      },
    ],
  ])
}

function replace(replacements: readonly (readonly [object, Record<string, unknown>])[]): () => void {
  const undo: (() => void)[] = []
  for (const [target, members] of replacements) {
    for (const [name, value] of Object.entries(members)) {
      const original = Object.getOwnPropertyDescriptor(target, name)
      Object.defineProperty(target, name, { value, configurable: true, writable: true, enumerable: true })
      undo.push(() => {
        if (original) Object.defineProperty(target, name, original)
        else Reflect.deleteProperty(target, name)
      })
    }
  }
  return () => {
    for (const each of undo.reverse()) each()
  }
}
