import type { DrainOptions } from './drain-options.ts'

/** An object that a drain signal ends. */
export interface Drainable {
  drain(options?: DrainOptions): unknown
}

/**
 * One listener per signal, however many sessions: Node 20 warns of a leak from the eleventh
 * listener on.
 */
const drains = new WeakMap<AbortSignal, Set<Drainable>>()

/** Drains a session when the signal aborts, or at once if it already has. */
export function joinDrain(signal: AbortSignal, session: Drainable): void {
  if (signal.aborted) {
    session.drain()
    return
  }
  let sessions = drains.get(signal)
  if (!sessions) {
    const joined = new Set<Drainable>()
    sessions = joined
    drains.set(signal, joined)
    signal.addEventListener(
      'abort',
      () => {
        const among = joined.size
        for (const each of joined) each.drain({ among })
      },
      { once: true },
    )
  }
  sessions.add(session)
}

/** Removes a session that is no longer open. */
export function leaveDrain(signal: AbortSignal, session: Drainable): void {
  drains.get(signal)?.delete(session)
}
