import { isAfterEnd, readLastEventId } from './last-event-id.ts'

/** What a request says about the client that will read the stream. */
export interface StreamRequest {
  readonly lastEventId: string
  /**
   * Whether the client says that it is an `EventSource`: a GET that accepts `text/event-stream` and
   * nothing else. Such a client reconnects when the response ends.
   */
  readonly isEventSource: boolean
  /** Whether the client reconnects after a final end, which 204 confirms. */
  readonly isAfterEnd: boolean
}

/** Reads a request, of which `header` returns a header by its name in lower case. */
export function readStreamRequest(
  method: string | undefined,
  url: string,
  header: (name: string) => string | undefined,
): StreamRequest {
  const sentId = header('last-event-id')
  return {
    lastEventId: readLastEventId(sentId, url),
    isEventSource: isEventSourceRequest(method, header('accept')),
    isAfterEnd: isAfterEnd(sentId),
  }
}

/**
 * Whether a request says that it is an `EventSource`, by its method and its `Accept`: see
 * docs/signals.md.
 */
export function isEventSourceRequest(method: string | undefined, accept: string | null | undefined): boolean {
  return method === 'GET' && accept?.trim().toLowerCase() === 'text/event-stream'
}
