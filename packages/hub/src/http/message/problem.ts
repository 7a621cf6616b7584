import { STATUS_CODES } from 'node:http'
import { HubError, type HubErrorCode } from '../../base/errors.ts'
import type { TextResponse } from './http-message.ts'

/** How the hub answers an error, and whether it also reports the error to the operator. */
export interface ErrorRule {
  readonly status: number
  /**
   * Who learns about the error. `client`: only the client, whose mistake it is. `refusal`: also the
   * operator, whose configuration caused it. `failure`: the operator, because the hub or its store
   * failed.
   */
  readonly logged: 'client' | 'refusal' | 'failure'
  /** The `Retry-After`, in seconds. Default: not sent. */
  readonly retryAfter?: number | undefined
}

const mistake = (status: number): ErrorRule => ({ status, logged: 'client' })
const refusal = (status: number, retryAfter?: number): ErrorRule => ({ status, logged: 'refusal', retryAfter })
const failure = (status: number): ErrorRule => ({
  status,
  logged: 'failure',
  retryAfter: status === 503 ? 2 : undefined,
})
/** Nobody's fault, and temporary. */
const passing: ErrorRule = { status: 503, logged: 'client', retryAfter: 2 }

/** How HTTP shows every error of the hub. */
const rules: Readonly<Record<HubErrorCode, ErrorRule>> = {
  INVALID_TOPIC: mistake(400),
  INVALID_DATA: mistake(400),
  INVALID_EVENT_ID: mistake(400),
  INVALID_EVENT_TYPE: mistake(400),
  INVALID_RETRY: mistake(400),
  INVALID_IDEMPOTENCY_KEY: mistake(400),
  INVALID_MATCHER: mistake(400),
  INVALID_REQUEST: mistake(400),
  UNAUTHORIZED: mistake(401),
  FORBIDDEN: mistake(403),
  ORIGIN_NOT_ALLOWED: refusal(403),
  NOT_FOUND: mistake(404),
  METHOD_NOT_ALLOWED: mistake(405),
  TIMEOUT: mistake(408),
  INVALID_STREAM_NAME: mistake(400),
  EVENT_ID_TAKEN: mistake(409),
  STREAM_HAS_WRITER: mistake(409),
  STREAM_TAKEN_OVER: mistake(409),
  STREAM_ENDED: mistake(409),
  STREAM_GONE: mistake(410),
  TOO_MANY_STREAMS: refusal(503, 30),
  OTHER_HISTORY: refusal(409),
  TOO_LARGE: mistake(413),
  UNSUPPORTED_MEDIA_TYPE: mistake(415),
  HOST_NOT_ALLOWED: refusal(421),
  // Another client has to leave first.
  TOO_MANY_CONNECTIONS: refusal(429, 30),
  HUB_FULL: refusal(503, 30),
  RATE_LIMITED: refusal(429, 1),
  KEYS_UNAVAILABLE: passing,
  HUB_CLOSED: passing,
  STORE_CLOSED: failure(503),
  STORE_FAILED: failure(503),
  STORE_DIVERGED: failure(503),
  STORE_LOCKED: failure(500),
  // Requests do not cause these. If an application's own function throws one, the fault is there.
  INVALID_OPTION: failure(500),
  LISTEN_FAILED: failure(500),
  OUT_OF_DESCRIPTORS: failure(503),
  HUB_UNREACHABLE: failure(500),
  HUB_REFUSED: failure(500),
  ENDPOINT_UNREACHABLE: failure(500),
}

/** Any other error is a fault in the hub. */
const unknownFailure = failure(500)

export function ruleFor(error: unknown): ErrorRule {
  return error instanceof HubError ? rules[error.code] : unknownFailure
}

/** A problem document (RFC 9457): `detail` is for people, `code` for programs. */
export interface Problem {
  readonly title: string | undefined
  readonly status: number
  readonly detail: string
  readonly code: HubErrorCode | undefined
}

/**
 * What the client learns about an error. Without a `HubError` the hub itself is at fault, and its
 * log has the details.
 */
export function toProblem(error: HubError | undefined): Problem {
  const { status } = ruleFor(error)
  const detail = error ? detailOf(error) : 'The hub failed to answer. Its log says why.'
  return { title: STATUS_CODES[status], status, detail, code: error?.code }
}

/**
 * If the store fails, the client learns what happened to its event. File paths and causes are for
 * the operator only.
 */
function detailOf({ code, message }: HubError): string {
  if (!code.startsWith('STORE_')) return message
  const [what = "The hub's store does not work at the moment"] = /^[^:]*\bnot (?:be )?stored(?=:)/.exec(message) ?? []
  return `${what}. Try again later; the hub's log says why.`
}

/** Creates a response with a problem document, and with the given headers as well. */
export function problemResponse(
  error: HubError | undefined,
  headers: { readonly [name: string]: string | undefined } = {},
): TextResponse {
  const problem = toProblem(error)
  return {
    status: problem.status,
    headers: {
      ...headers,
      'content-type': 'application/problem+json',
      'cache-control': 'no-store',
      'retry-after': error && ruleFor(error).retryAfter?.toString(),
    },
    body: `${JSON.stringify(problem)}\n`,
  }
}
