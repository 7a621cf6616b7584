import { type ConnectionErrorEvent, EventSource } from '@headwater/sse/client'
import { hubFetch, Refusal, refusalFrom } from './hub.ts'

/** How a connection of the page is. */
export type LiveState =
  | { readonly name: 'connecting' }
  | { readonly name: 'open' }
  | { readonly name: 'waiting'; readonly why: string; readonly retryAt: number; readonly since: number }
  | { readonly name: 'refused'; readonly refusal: Refusal }
  /** The tab is hidden, and holds no connection. */
  | { readonly name: 'resting' }

export interface LiveOptions {
  readonly url: (lastEventId: string) => URL
  readonly lastEventId?: string | undefined
  readonly onEvent: (event: { readonly type: string; readonly data: string; readonly lastEventId: string }) => void
  readonly onState: (state: LiveState) => void
  readonly fetch?: typeof hubFetch | undefined
}

/**
 * An event stream of the hub for as long as the tab is visible, taken up where it was. Browsers open six connections
 * to a host over HTTP/1.1, for all tabs together: hidden tabs must not hold them.
 */
export function openLive({ url, lastEventId = '', onEvent, onState, fetch = hubFetch }: LiveOptions): () => void {
  let last = lastEventId
  let source: EventSource | undefined
  let lostAt: number | undefined

  function open(): void {
    onState({ name: 'connecting' })
    const opened = new EventSource(url(last), {
      lastEventId: last,
      fetch: (target, init) => fetch(target, init),
      retry: { backoffMs: 300, maxBackoffMs: 3000, reconnectionTimeMs: 700, maxReconnectionTimeMs: 1000 },
      // Heartbeats come about every 10 seconds.
      idleTimeoutMs: 35_000,
      onEvent({ type, data, lastEventId }) {
        last = lastEventId
        onEvent({ type, data, lastEventId })
      },
    })
    source = opened
    opened.addEventListener('open', () => {
      lostAt = undefined
      onState({ name: 'open' })
    })
    opened.addEventListener('error', (event) => {
      // A server may also send an event of type "error", which says nothing of the connection.
      if (event instanceof MessageEvent || opened !== source) return
      const { willRetry, retryDelayMs, message, status, body, cause } = event as ConnectionErrorEvent
      if (!willRetry) {
        onState({ name: 'refused', refusal: status ? refusalFrom(status, body ?? '') : new Refusal(0, message) })
        return
      }
      lostAt ??= Date.now()
      const why = cause instanceof Error && cause.message === 'unplugged by you' ? 'unplugged by you' : message.trim()
      onState({ name: 'waiting', why, retryAt: Date.now() + retryDelayMs, since: lostAt })
    })
  }

  function close(): void {
    const closing = source
    source = undefined
    closing?.close()
  }

  function onVisibility(): void {
    if (document.hidden) {
      close()
      onState({ name: 'resting' })
    } else if (!source) open()
  }

  document.addEventListener('visibilitychange', onVisibility)
  if (document.hidden) onState({ name: 'resting' })
  else open()
  return () => {
    document.removeEventListener('visibilitychange', onVisibility)
    close()
  }
}
