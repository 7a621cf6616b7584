import type { Performance } from './classroom.ts'
import type { Reply } from './script.ts'

/** What carries a response: a connection of Node, or the response of a service worker. */
export interface Stage {
  begin(reply: Reply): void
  /** Resolves when the piece is on its way. */
  write(piece: string | Uint8Array): Promise<void> | void
  /** Ends the response in order. */
  finish(): void
  /** Breaks the connection off, before or after its response has begun. */
  breakOff(): void
}

/** How long a stream stays open that nobody ends, in milliseconds. */
const maxStayMs = 180_000

/**
 * Plays a script to its end, or until the client leaves (`signal`). Reports each thing before it
 * does it, so that no client seems to know of it earlier. Never rejects.
 */
export async function play({ reply, ...report }: Performance, stage: Stage, signal: AbortSignal): Promise<void> {
  const { delayMs = 0, steps, end } = reply
  await wait(delayMs, signal)
  if (end === 'away') {
    report.ended('away')
    stage.breakOff()
    return
  }
  if (!signal.aborted) {
    report.begun()
    stage.begin(reply)
  }
  for (const step of steps) {
    if (signal.aborted) break
    if (typeof step === 'number') await wait(step, signal)
    else {
      report.wrote(step)
      await stage.write(step)
    }
  }
  if (end === 'stay') await wait(maxStayMs, signal)
  if (signal.aborted) {
    report.ended('left')
    stage.breakOff()
  } else if (end === 'finish') {
    report.ended('finish')
    stage.finish()
  } else {
    report.ended('break')
    stage.breakOff()
  }
}

/** Resolves after that time, or when the signal aborts. */
function wait(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted || ms === 0) return resolve()
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, ms)
    signal.addEventListener('abort', done)
  })
}
