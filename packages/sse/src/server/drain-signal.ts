/** What a drain signal ends. */
export interface Drainable {
  drain(): unknown
}

/** One listener for each signal, however many sessions: Node 20 warns of a leak from the eleventh on. */
const drains = new WeakMap<AbortSignal, Set<Drainable>>()

/** Drains a session when the signal aborts; at once if it has. */
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
        for (const each of joined) each.drain()
      },
      { once: true },
    )
  }
  sessions.add(session)
}

/** Forgets a session that is no longer open. */
export function leaveDrain(signal: AbortSignal, session: Drainable): void {
  drains.get(signal)?.delete(session)
}
