/** The timers of the runtime, as they are before any fake ones. */
const { setTimeout: realTimeout, setImmediate: realImmediate, performance } = globalThis
const realNow = performance.now

/** Resolves in a new task. */
function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    if (realImmediate) realImmediate(resolve)
    else realTimeout(resolve, 0)
  })
}

/**
 * Lets run whatever waits for neither the clock nor a socket: promises, streams, and tasks that they
 * queue.
 */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 25; turn++) await nextTask()
}

/** A short rest, for sockets. */
export function rest(): Promise<void> {
  return new Promise((resolve) => {
    realTimeout(resolve, 1)
  })
}

/** Milliseconds of real time. */
export function now(): number {
  return realNow.call(performance)
}
