import { STATUS_CODES } from 'node:http'
import { HubError, type HubErrorCode } from '../../base/errors.ts'
import type { TextResponse } from './http-message.ts'

/** How the hub answers an error, and who hears of it besides the client. */
export interface ErrorRule {
  readonly status: number
  /**
   * Who hears of it: `client` alone, for the client's own mistakes; as a `refusal` also the operator, whose configuration caused it; as a
   * `failure` the operator, because the hub or its store failed.
   */
  readonly logged: 'client' | 'refusal' | 'failure'
  /** After how many seconds to try again. Default: not said. */
  readonly retryAfter?: number
}

const mistake = (status: number): ErrorRule => ({ status, logged: 'client' })
const refusal = (status: number, retryAfter?: number): ErrorRule => ({
  status,
  logged: 'refusal',
  ...(retryAfter !== undefined && { retryAfter }),
})
const failure = (status: number): ErrorRule => ({
  status,
  logged: 'failure',
  ...(status === 503 && { retryAfter: 2 }),
})
/** Not a fault of anybody: it passes. */
const passing: ErrorRule = { status: 503, logged: 'client', retryAfter: 2 }

/** Every error of the hub as HTTP. */
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
  STORE_LOCKED: failure(500),
  // No request causes these. One that does, from an application's own function, is a fault there.
  INVALID_OPTION: failure(500),
  LISTEN_FAILED: failure(500),
  HUB_UNREACHABLE: failure(500),
  HUB_REFUSED: failure(500),
}

/** Anything that is not an error of ours: a fault in the hub. */
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

/** What the client is told of an error. Without one the hub itself is at fault, and its log has the rest. */
export function toProblem(error: HubError | undefined): Problem {
  const { status } = ruleFor(error)
  const detail = error ? detailOf(error) : 'The hub failed to answer. Its log says why.'
  return { title: STATUS_CODES[status], status, detail, code: error?.code }
}

/** Of the store's troubles the client learns what became of its event. Where the files are, and what is wrong with them, is the operator's. */
function detailOf({ code, message }: HubError): string {
  if (!code.startsWith('STORE_')) return message
  const [what = 'The store of the hub does not work at the moment'] = /^[^:]*\bnot stored(?=:)/.exec(message) ?? []
  return `${what}. Try again later; the hub's log says why.`
}

/** Answers with a problem document. `headers` are further ones. */
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
