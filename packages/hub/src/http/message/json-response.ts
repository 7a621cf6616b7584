import type { HubResponse } from './http-message.ts'

/** A value as JSON, as it is now: no cache keeps it. */
export function jsonResponse(value: unknown, status = 200): HubResponse {
  return {
    status,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
    body: `${JSON.stringify(value)}\n`,
  }
}
