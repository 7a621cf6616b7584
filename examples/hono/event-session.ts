// A helper to copy: an event stream as the answer of a Hono handler.
import { createResponse, type Producer, type SessionOptions } from '@headwater/sse/server'
import type { Context } from 'hono'
import type { StatusCode } from 'hono/utils/http-status'

/**
 * As `createResponse(c.req.raw, options, producer)`, but the headers that this context and middleware
 * (CORS, say) have set go along, and Hono's server on Node logs no error when a stream is interrupted.
 *
 * @throws SseError `INVALID_OPTION`
 */
export function eventSession(c: Context, producer: Producer, options: SessionOptions = {}): Response {
  // That server logs a response that breaks off as an error.
  const { body, status, headers } = createResponse(c.req.raw, { whenInterrupted: 'end', ...options }, producer)
  return c.newResponse(body, status as StatusCode, Object.fromEntries(headers))
}
