import { formatEventId } from '@headwater/sse/internal'
import { GAP_EVENT_TYPE } from '@headwater/sse/server'
import { eventIdOf, positionId } from './event-id.ts'
import type { FanOut } from './fan-out.ts'
import { type GapBefore, HistoryCursor } from './history-cursor.ts'
import type { StartingPoint } from './resume.ts'
import type { Selection } from './selection.ts'
import { headersOf } from './trace-context.ts'

/** An event as a program that embeds the hub receives it. */
export interface HubEvent {
  /** The ID to resume from: the publisher's own, or else the position's. */
  readonly id: string
  /** The canonical topic, then the alternates. Empty for `headwater-gap`. */
  readonly topics: readonly string[]
  /**
   * The event type; `message` if the publisher set none. `headwater-gap` if events before this
   * point are lost, with the same data as in an event stream:
   * `{"reason", "requested", "earliest"}`.
   */
  readonly type: string
  readonly data: string
  readonly isPrivate: boolean
  /** The trace in which it was published, by W3C Trace Context. Missing if there was none. */
  readonly traceparent?: string
  readonly tracestate?: string
}

/**
 * Yields the events of a selection, from a starting point on while the hub is open, each once and
 * in order. The reader is only a position: it waits until an event concerns it, and reads that from
 * the history. So no events wait in memory for a slow reader, and events of other topics cost
 * nothing. `divergences` is how many there had been before the starting point was looked for. Ends when the signal aborts; rejects as the store does, or with the signal's reason.
 */
export async function* readEvents(
  fanOut: FanOut,
  epoch: string,
  selection: Selection,
  from: { readonly start: StartingPoint; readonly divergences: number },
  signal?: AbortSignal,
): AsyncGenerator<HubEvent> {
  let cursor = new HistoryCursor(from.start, fanOut.head.position)
  let { divergences } = from
  for (;;) {
    // Not while the head is one that the history has lost.
    if (!(await fanOut.reach(0))) return
    if (divergences !== fanOut.divergences) {
      divergences = fanOut.divergences
      cursor = new HistoryCursor(gapAfter(epoch, cursor.position), fanOut.head.position)
    }
    const known = await fanOut.awaitEvent(selection, cursor, signal)
    if (known === undefined) return
    if (divergences !== fanOut.divergences) continue
    cursor.position = known
    const page = await fanOut.history.read(selection, known, fanOut.head, signal)
    if (divergences !== fanOut.divergences) continue
    const gap = cursor.moveThrough(page, epoch)
    if (gap) yield gapEvent(gap, epoch)
    for (const event of page.events) {
      const { topics, type = 'message', data, isPrivate, traceContext } = event
      const trace = traceContext === undefined ? undefined : headersOf(traceContext)
      yield { id: eventIdOf(epoch, event), topics, type, data, isPrivate, ...trace }
    }
    // A memory store answers at once, and a long history may have nothing for this reader.
    if (page.events.length === 0) await new Promise((resolve) => setImmediate(resolve))
  }
}

/** The reader may have events that the history no longer has: it gets everything that is kept again. */
function gapAfter(epoch: string, position: number): StartingPoint {
  return { name: 'gap', reason: 'unknown', requested: formatEventId({ epoch, position }), position: 0 }
}

function gapEvent({ gap, end }: GapBefore, epoch: string): HubEvent {
  return { id: positionId(epoch, end), topics: [], type: GAP_EVENT_TYPE, data: JSON.stringify(gap), isPrivate: false }
}
