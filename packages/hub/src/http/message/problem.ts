import { STATUS_CODES } from 'node:http'
import type { HubError, HubErrorCode } from '../../base/errors.ts'
import type { TextResponse } from './http-message.ts'

/** A problem document (RFC 9457): `detail` is for people, `code` for programs. */
export interface Problem {
  readonly title: string | undefined
  readonly status: number
  readonly detail: string
  readonly code: HubErrorCode | undefined
}

/** What went wrong, as the client is told. Without an error it is a fault of ours, and the log has the rest. */
export function toProblem(error: HubError | undefined): Problem {
  const status = (error && statusOf[error.code]) ?? 500
  const detail = error ? detailOf(error) : 'The hub failed to answer. Its log says why.'
  return { title: STATUS_CODES[status], status, detail, code: error?.code }
}

/** Of the store's troubles the client learns what became of its event. Where the files are, and what is wrong with them, is the operator's. */
function detailOf({ code, message }: HubError): string {
  if (!code.startsWith('STORE_')) return message
  const [what = 'The store of the hub does not work at the moment'] = /^[^:]*\bnot stored(?=:)/.exec(message) ?? []
  return `${what}. Try again later; the hub's log says why.`
}

/** Answers with what went wrong. */
export function problemResponse(error: HubError | undefined): TextResponse {
  const problem = toProblem(error)
  return {
    status: problem.status,
    headers: {
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      'retry-after': error && retryAfterOf(error.code, problem.status),
    },
    body: `${JSON.stringify(problem)}\n`,
  }
}

/** In seconds. */
function retryAfterOf(code: HubErrorCode, status: number): string | undefined {
  // Someone has to leave first.
  if (code === 'TOO_MANY_CONNECTIONS' || code === 'HUB_FULL') return '30'
  if (code === 'RATE_LIMITED') return '1'
  return status === 503 ? '2' : undefined
}

/** What is the client's doing, or will pass. The rest is ours: 500. */
const statusOf: Partial<Record<HubErrorCode, number>> = {
  INVALID_TOPIC: 400,
  INVALID_DATA: 400,
  INVALID_EVENT_ID: 400,
  INVALID_EVENT_TYPE: 400,
  INVALID_RETRY: 400,
  INVALID_IDEMPOTENCY_KEY: 400,
  INVALID_MATCHER: 400,
  INVALID_REQUEST: 400,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  ORIGIN_NOT_ALLOWED: 403,
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  TIMEOUT: 408,
  TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  HOST_NOT_ALLOWED: 421,
  TOO_MANY_CONNECTIONS: 429,
  RATE_LIMITED: 429,
  HUB_FULL: 503,
  KEYS_UNAVAILABLE: 503,
  HUB_CLOSED: 503,
  STORE_CLOSED: 503,
  STORE_FAILED: 503,
}
