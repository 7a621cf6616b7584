import type { SessionOptions } from '@headwater/sse/server'
import type { HubResponse } from '../message/http-message.ts'
import { streamLifetimeMs } from './stream-lifetime.ts'

/**
 * The options of the session that an answer begins: those of all sessions, and what is this answer's own. It ends before the permission to have
 * it does, and before the longest time any may last, up to a fifth earlier, so that not all end together.
 */
export function sessionOptionsOf(
  { headers, expiresAt, contentCoding }: HubResponse,
  options: SessionOptions = {},
): SessionOptions {
  const common = options.headers instanceof Headers ? Object.fromEntries(options.headers) : options.headers
  const merged = { ...options, headers: { ...common, ...headers }, contentCoding }
  const maxDurationMs = streamLifetimeMs({ expiresAt, now: Date.now(), maxMs: options.maxDurationMs })
  return { ...merged, maxDurationMs }
}
