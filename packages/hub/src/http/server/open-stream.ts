import type { Session, SessionOptions } from '@headwater/sse/server'
import type { EventStreamResponse } from '../message/http-message.ts'
import { streamLifetimeMs } from './stream-lifetime.ts'

/**
 * Begins the event stream of a response, for every transport. `open` creates the transport's
 * session with these options and calls `begin` with it. If it does not, because the client is gone
 * or the session cannot be created, the stream is abandoned.
 */
export function openStream<T>(
  response: EventStreamResponse,
  options: SessionOptions | undefined,
  open: (options: SessionOptions, begin: (session: Session) => void) => T,
): T {
  const { eventStream } = response
  let hasBegun = false
  try {
    return open(sessionOptionsOf(response, options), (session) => {
      hasBegun = true
      eventStream.deliverTo(session)
    })
  } finally {
    if (!hasBegun) eventStream.abandon()
  }
}

/**
 * The options of all sessions, with those of this response. Its stream ends before its permission
 * expires and before the maximum duration, up to a fifth earlier, so that not all streams end
 * together.
 */
function sessionOptionsOf(
  { headers, eventStream: { expiresAt, contentCoding } }: EventStreamResponse,
  options: SessionOptions = {},
): SessionOptions {
  const common = options.headers instanceof Headers ? Object.fromEntries(options.headers) : options.headers
  const maxDurationMs = streamLifetimeMs({ expiresAt, now: Date.now(), maxMs: options.maxDurationMs })
  return { ...options, headers: { ...common, ...headers }, contentCoding, maxDurationMs }
}
