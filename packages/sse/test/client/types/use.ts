/** Compiled by types.test.ts as a user's file, once with the browser's types and once with Node's. Never run. */
import { type ConnectionError, ConnectionErrorEvent, EventSource, events } from '@headwater/sse/client'

interface Tick {
  price: number
}

globalThis.EventSource = EventSource

const source = new EventSource(new URL('http://a.test/'), {
  withCredentials: true,
  headers: async ({ attempt, previous }) => ({ a: `${attempt} ${previous?.status}` }),
  retry: { statuses: [503] },
  signal: new AbortController().signal,
})
source.onmessage = ({ data, lastEventId }) => void [data, lastEventId.length]
source.onerror = ({ willRetry, status, headers }) => void [willRetry === true, status, headers?.get('a')]
source.onopen = null
source.addEventListener('tick', ({ data, origin }) => void [data, origin.length])
source.addEventListener('message', ({ lastEventId }) => void lastEventId.length)
source.addEventListener('error', ({ retryDelayMs }) => void (retryDelayMs + 1), { once: true })
source.addEventListener('tick', { handleEvent: (event: Event) => void event.type })
source.removeEventListener('tick', ({ data }) => void data)
export const target: EventTarget = source
export const state: 0 = EventSource.CONNECTING
export const sources = [
  new EventSource('x', null),
  new EventSource('x', {}),
  new EventSource('x', { headers: [['a', 'b']] }),
]
export const isConnectionError = (event: Event) => event instanceof ConnectionErrorEvent
export const statusOf = (error: ConnectionError): number | undefined => error.status

// @ts-expect-error there is no such option
new EventSource('x', { retries: 3 })

export async function iterate(): Promise<void> {
  for await (const { type, data, lastEventId } of events('x')) void [type.length, data.length, lastEventId.length]

  for await (const each of events<{ tick: Tick; message: string }>('x', { parse: { tick: JSON.parse } })) {
    if (each.type === 'tick') void each.data.price
    else void each.data.length
  }

  const inferred = events('x', { parse: { tick: (data): Tick => JSON.parse(data), count: Number } })
  for await (const each of inferred) {
    if (each.type === 'tick') void each.data.price
    else void each.data.toFixed()
  }

  for await (const { type } of events<{ a: string; b: string }>('x', { body: '{}' })) {
    const known: 'a' | 'b' = type
    void known
  }

  // @ts-expect-error a tick is no string: it needs a parser
  events<{ tick: Tick; message: string }>('x')
  // @ts-expect-error a tick is no string: it needs a parser
  events<{ tick: Tick; message: string }>('x', { parse: {} })

  const stream = events('x', {
    lastEventId: '7',
    onState: (state) => state.name === 'waiting' && void state.failure.retryDelayMs,
  })
  void [stream.lastEventId.length, stream.state.name, stream.url.length]
  stream.close()
}
