import { HubError } from '../../base/errors.ts'
import type { HubStream, StreamState } from '../../streams/stream.ts'
import { numberInId } from '../../streams/stream-record.ts'

/** How often to look for a stream that another process may open, in milliseconds. */
const lookMs = 10

/**
 * Waits until a run has begun, for so long at most, and resolves to its state. Rejects with `NOT_FOUND` if it has
 * not, or with the signal's reason.
 */
export async function awaitFirst(stream: HubStream, deadlineMs: number, signal: AbortSignal): Promise<StreamState> {
  const end = performance.now() + deadlineMs
  for (;;) {
    signal.throwIfAborted()
    const state = await stream.state()
    if (hasBegun(stream.name, state) || (deadlineMs === 0 && state.name === 'open')) return state
    if (performance.now() >= end) throw noRunError(stream.name, deadlineMs)
    await new Promise((resolve) => setTimeout(resolve, lookMs))
  }
}

/** A producer that renews its lease is alive, even if it has written nothing yet. */
function hasBegun(name: string, state: StreamState): boolean {
  return state.name === 'open' ? numberInId(name, state.lastEventId) !== 0 : state.name !== 'none'
}

function noRunError(name: string, deadlineMs: number): HubError {
  const what = `Unknown or expired run: the stream ${JSON.stringify(name)}`
  const why = deadlineMs === 0 ? 'does not exist.' : `produced no data within ${deadlineMs}ms.`
  return new HubError('NOT_FOUND', `${what} ${why}`)
}
