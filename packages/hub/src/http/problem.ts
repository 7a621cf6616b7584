import { type ServerResponse, STATUS_CODES } from 'node:http'
import type { HubError, HubErrorCode } from '../errors.ts'

/**
 * Answers with what went wrong as a problem document (RFC 9457): `detail` for people, `code` for programs. Without an error
 * it is a fault of ours, and the log has the rest.
 */
export function sendProblem(res: ServerResponse, error: HubError | undefined): void {
  const status = (error && statusOf[error.code]) ?? 500
  const body = JSON.stringify({
    title: STATUS_CODES[status],
    status,
    detail: error?.message ?? 'The hub failed to answer. Its log says why.',
    code: error?.code,
  })
  res.statusCode = status
  res.setHeader('content-type', 'application/problem+json')
  res.setHeader('cache-control', 'no-store')
  if (status === 503) res.setHeader('retry-after', '2')
  res.end(`${body}\n`)
}

/** What is the client's doing, or will pass. The rest is ours: 500. */
const statusOf: Partial<Record<HubErrorCode, number>> = {
  INVALID_TOPIC: 400,
  INVALID_DATA: 400,
  INVALID_EVENT_ID: 400,
  INVALID_EVENT_TYPE: 400,
  INVALID_RETRY: 400,
  INVALID_MATCHER: 400,
  INVALID_REQUEST: 400,
  ORIGIN_NOT_ALLOWED: 403,
  METHOD_NOT_ALLOWED: 405,
  TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  HOST_NOT_ALLOWED: 421,
  HUB_CLOSED: 503,
  STORE_CLOSED: 503,
  STORE_FAILED: 503,
}
