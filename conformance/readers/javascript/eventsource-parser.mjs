import { setTimeout as pause } from 'node:timers/promises'
import { createParser } from 'eventsource-parser'

/** The loop that one writes around a parser: `onId` keeps the ID, as its README says, and a lost connection is made again. */
export async function read(url, hand, { savedId, signal }) {
  let lastEventId = savedId ?? ''
  let retryMs = 1000
  const parser = createParser({
    onId: (id) => {
      lastEventId = id
    },
    onRetry: (milliseconds) => {
      retryMs = milliseconds
    },
    onEvent: ({ id, event, data }) => hand({ id, type: event, data }),
  })
  while (!signal?.aborted) {
    const headers = { accept: 'text/event-stream', ...(lastEventId && { 'last-event-id': lastEventId }) }
    try {
      const response = await fetch(url, { headers, signal })
      if (response.status === 204) return
      for await (const chunk of response.body.pipeThrough(new TextDecoderStream())) parser.feed(chunk)
    } catch {
      // The connection broke, or there was none.
    }
    parser.reset()
    // Rejects only when it is to stop, which the loop sees.
    await pause(retryMs, undefined, { signal }).catch(() => {})
  }
}
