import { createParser } from '../../src/protocol/parse.ts'
import type { Channel, SubscribeOptions } from '../../src/server/channel.ts'
import { createResponse } from '../../src/server/fetch.ts'
import type { Session } from '../../src/server/session.ts'
import type { SessionOptions } from '../../src/server/session-options.ts'
import { turns } from './opener.ts'

interface Subscribing {
  lastEventId?: string
  session?: SessionOptions
  options?: SubscribeOptions
}

/** Opens a session without a socket, and subscribes it to channels in this order. */
export function open(
  channels: readonly Channel[],
  { lastEventId = '', session: given = {}, options }: Subscribing = {},
) {
  const headers = { 'Last-Event-ID': lastEventId, Accept: 'text/event-stream' }
  let session!: Session
  const response = createResponse(new Request('http://a/', { headers }), given, (opened) => {
    session = opened
    for (const channel of channels) channel.subscribe(opened, options)
  })
  const reader = (response.body as ReadableStream<Uint8Array>).getReader()
  const decoder = new TextDecoder()
  let reading: ReturnType<typeof reader.read> | undefined
  const seen: Seen = { data: [], gaps: [], types: [], lastEventId }
  const parser = createParser({
    onId(id) {
      seen.lastEventId = id
    },
    onEvent({ type = 'message', data }) {
      seen.types.push(type)
      if (type === 'headwater-gap') seen.gaps.push(JSON.parse(data))
      else if (!type.startsWith('headwater-')) seen.data.push(data)
    },
  })
  return {
    session,
    seen,
    /** Reads what there is, in at most so many chunks. Returns whether the stream is over. */
    async read(chunks = Number.POSITIVE_INFINITY): Promise<boolean> {
      for (let i = 0; i < chunks; i++) {
        // A response that broke off is over, like one that ends.
        reading ??= reader.read().catch(() => ({ done: true as const, value: undefined }))
        const chunk = await Promise.race([reading, turns(3)])
        if (!chunk) return false
        reading = undefined
        if (chunk.done) return true
        parser.feed(decoder.decode(chunk.value, { stream: true }))
      }
      return false
    },
    leave: () => reader.cancel().catch(() => {}),
  }
}

/** What a client makes of a stream. `data` is that of the application's events. */
interface Seen {
  readonly data: string[]
  readonly types: string[]
  readonly gaps: { reason: string; requested: string; earliest: string | null; channel?: string }[]
  lastEventId: string
}
