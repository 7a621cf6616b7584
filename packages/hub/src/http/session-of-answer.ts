import type { SessionOptions } from '@headwater/sse/server'
import type { Answer } from './exchange.ts'

/** The options of the session that an answer begins: those of all sessions, and what is this answer's own. */
export function sessionOptionsOf({ headers, expiresAt }: Answer, options: SessionOptions = {}): SessionOptions {
  const common = options.headers instanceof Headers ? Object.fromEntries(options.headers) : options.headers
  const merged = { ...options, headers: { ...common, ...headers } }
  if (expiresAt === undefined) return merged
  // A session ends up to a tenth earlier by itself. It takes no 0.
  const maxDurationMs = Math.min(options.maxDurationMs ?? Infinity, Math.max(1, expiresAt - Date.now()))
  return { ...merged, maxDurationMs }
}
