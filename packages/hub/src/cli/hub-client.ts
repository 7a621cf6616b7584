import { setTimeout as wait } from 'node:timers/promises'
import { readLines } from './lines.ts'
import { networkFailureOf } from './network-failure.ts'

/** The result of one attempt to publish. */
export type PublishOutcome =
  | { readonly name: 'published'; readonly id: string }
  /**
   * No hub answers, or it cannot answer now. If the request broke off halfway, it is unknown
   * whether the hub has the event.
   */
  | {
      readonly name: 'away'
      readonly reason: string
      readonly retryAfterMs: number
      /** Whether that may change by itself: not that a server speaks no HTTP. */
      readonly mayPass: boolean
    }
  | { readonly name: 'refused'; readonly status: number; readonly reason: string }

export interface PublishOptions {
  readonly token: string | undefined
  readonly idempotencyKey?: string
}

/** Publishes one event to a hub over HTTP. */
export async function publishOnce(
  hub: URL,
  fields: URLSearchParams,
  { token, idempotencyKey }: PublishOptions,
): Promise<PublishOutcome> {
  const headers = {
    ...authorizationOf(token),
    ...(idempotencyKey !== undefined && { 'idempotency-key': idempotencyKey }),
  }
  try {
    const response = await post(hub, fields.toString(), {
      'content-type': 'application/x-www-form-urlencoded',
      ...headers,
    })
    const text = await response.text()
    return response.status === 200 ? { name: 'published', id: text } : toFailure(response, text)
  } catch (error) {
    return awayFor(error)
  }
}

/** What the hub decided on one of several events. */
export type Acknowledgement =
  /** `already`: it was stored before, under the same key. */
  { readonly name: 'stored'; readonly id: string; readonly already: boolean } | Refusal

/** Why a hub refuses one of several events, and not the others. */
export interface Refusal {
  readonly name: 'refused'
  readonly status: number
  readonly code: string
  readonly reason: string
}

/** The result of sending several events together. */
export interface BatchOutcome {
  /** One entry for each event that the hub decided on, in order. */
  readonly acknowledged: readonly Acknowledgement[]
  /** Why the hub did not decide on the rest; `undefined` if it decided on all. */
  readonly end: Exclude<PublishOutcome, { name: 'published' }> | undefined
}

/** Refusals that concern just one event: it is too large, or another one has its ID. */
const refusesOne: ReadonlySet<number> = new Set([409, 413])

/**
 * Publishes several events, each a line of JSON, in one request. A refusal for which `concernsOne` is
 * false would meet all of them, and ends the request.
 */
export async function publishBatch(
  hub: URL,
  lines: readonly string[],
  token: string | undefined,
  concernsOne: (refusal: Pick<Refusal, 'status' | 'code'>) => boolean = ({ status }) => refusesOne.has(status),
): Promise<BatchOutcome> {
  const acknowledged: Acknowledgement[] = []
  try {
    const response = await post(hub, `${lines.join('\n')}\n`, {
      'content-type': 'application/x-ndjson',
      ...authorizationOf(token),
    })
    if (response.status !== 200) return { acknowledged, end: toFailure(response, await response.text()) }
    for await (const line of readLines(response.body!)) {
      const { id, already = false, status = 200, code = '', detail } = JSON.parse(String(line)) as Reply
      const reason = `${status} ${detail}`
      if (id !== undefined) acknowledged.push({ name: 'stored', id, already })
      else if (concernsOne({ status, code })) acknowledged.push({ name: 'refused', status, code, reason })
      else if (status < 500) return { acknowledged, end: { name: 'refused', status, reason } }
      else return { acknowledged, end: { name: 'away', reason, retryAfterMs: 0, mayPass: true } }
    }
    const isAll = acknowledged.length === lines.length
    return {
      acknowledged,
      end: isAll ? undefined : { name: 'away', reason: 'the response broke off', retryAfterMs: 0, mayPass: true },
    }
  } catch (error) {
    return { acknowledged, end: awayFor(error) }
  }
}

interface Reply {
  readonly id?: string
  readonly already?: boolean
  readonly status?: number
  readonly code?: string
  readonly detail?: string
}

/**
 * Sends a body as a stream. Node's `fetch` sends any other body once more after a 421, fails at that,
 * and so hides the hub's answer.
 */
function post(hub: URL, body: string, headers: Record<string, string>): Promise<Response> {
  return fetch(hub, { method: 'POST', body: new Blob([body]).stream(), duplex: 'half', headers, redirect: 'error' })
}

function toFailure({ status, headers }: Response, text: string): Exclude<PublishOutcome, { name: 'published' }> {
  const reason = `${status} ${detailOf(text)}`
  if (status < 500 && status !== 429) return { name: 'refused', status, reason }
  return { name: 'away', reason, retryAfterMs: 1000 * (Number(headers.get('retry-after')) || 0), mayPass: true }
}

/**
 * Publishes one event exactly once. Retries while the hub is away, until `until` (a time of
 * `performance.now()`). Calls `onAway` after each failed attempt.
 */
export async function publishWithRetry(
  hub: URL,
  fields: URLSearchParams,
  {
    token,
    until,
    onAway,
    idempotencyKey = crypto.randomUUID(),
  }: {
    token: string | undefined
    until: number
    onAway: (reason: string) => void
    idempotencyKey?: string | undefined
  },
): Promise<PublishOutcome> {
  for (let attempt = 0; ; attempt++) {
    const outcome = await publishOnce(hub, fields, { token, idempotencyKey })
    if (outcome.name !== 'away' || performance.now() >= until || (!outcome.mayPass && attempt === 0)) return outcome
    onAway(outcome.reason)
    await backOff(attempt, outcome.retryAfterMs, until)
  }
}

/**
 * Waits before another attempt, at least as long as the hub asked for but not beyond `until` (a time
 * of `performance.now()`).
 */
export async function backOff(attempt: number, retryAfterMs: number, until: number): Promise<void> {
  // Half of the delay is random, so that many publishers do not all return at once.
  const backoffMs = Math.min(5000, 200 * 2 ** attempt) * (0.5 + Math.random() / 2)
  await wait(Math.min(Math.max(backoffMs, retryAfterMs), Math.max(0, until - performance.now())))
}

function awayFor(error: unknown): Extract<PublishOutcome, { name: 'away' }> {
  const { text, mayPass } = networkFailureOf(error)
  return { name: 'away', reason: text, retryAfterMs: 0, mayPass }
}

/** The headers that authorize a request. */
export function authorizationOf(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` }
}

/** The part of a problem document that people read. */
export function detailOf(body: string): string {
  try {
    const { detail } = JSON.parse(body) as { detail?: unknown }
    if (typeof detail === 'string') return detail
  } catch (error) {
    // A proxy in between answers with other text than JSON.
    if (!(error instanceof SyntaxError)) throw error
  }
  return body.slice(0, 200).trim()
}

/** The error of `fetch` says only that it failed; its cause says why. */
export function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : (error as Error)
  return (cause as NodeJS.ErrnoException).code ?? cause.message
}
