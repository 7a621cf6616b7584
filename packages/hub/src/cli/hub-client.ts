import { setTimeout as wait } from 'node:timers/promises'
import { readLines } from './lines.ts'

/** What became of one attempt to publish. */
export type PublishOutcome =
  | { readonly name: 'published'; readonly id: string }
  /** There is no hub, or none that can answer now. Whether it has the event is not known if it broke off halfway. */
  | { readonly name: 'away'; readonly reason: string; readonly retryAfterMs: number }
  | { readonly name: 'refused'; readonly status: number; readonly reason: string }

export interface PublishOptions {
  readonly token: string | undefined
  readonly idempotencyKey?: string
}

/** Publishes to a hub over HTTP, as any other program would. */
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
    const response = await fetch(hub, { method: 'POST', body: fields, headers, redirect: 'error' })
    const text = await response.text()
    return response.status === 200 ? { name: 'published', id: text } : toFailure(response, text)
  } catch (error) {
    return { name: 'away', reason: causeOf(error), retryAfterMs: 0 }
  }
}

/** What became of events that were sent together. */
export interface BatchOutcome {
  /** Of each event that the hub has decided on, in order: `undefined` if it is published, or why this one alone is refused. */
  readonly acknowledged: readonly (string | undefined)[]
  /** Why those after them were not decided on; `undefined` when all were. */
  readonly end: Exclude<PublishOutcome, { name: 'published' }> | undefined
}

/** Publishes events, each given as a line of JSON, in one request. */
export async function publishBatch(
  hub: URL,
  lines: readonly string[],
  token: string | undefined,
): Promise<BatchOutcome> {
  const acknowledged: (string | undefined)[] = []
  try {
    const response = await fetch(hub, {
      method: 'POST',
      body: `${lines.join('\n')}\n`,
      headers: { 'content-type': 'application/x-ndjson', ...authorizationOf(token) },
      redirect: 'error',
    })
    if (response.status !== 200) return { acknowledged, end: toFailure(response, await response.text()) }
    for await (const line of readLines(response.body!)) {
      const { id, status = 200, detail } = JSON.parse(line) as { id?: string; status?: number; detail?: string }
      const reason = `${status} ${detail}`
      if (id !== undefined) acknowledged.push(undefined)
      // The one refusal that is about this event alone.
      else if (status === 413) acknowledged.push(reason)
      else if (status < 500) return { acknowledged, end: { name: 'refused', status, reason } }
      else return { acknowledged, end: { name: 'away', reason, retryAfterMs: 0 } }
    }
    const isAll = acknowledged.length === lines.length
    return { acknowledged, end: isAll ? undefined : { name: 'away', reason: 'the answer broke off', retryAfterMs: 0 } }
  } catch (error) {
    return { acknowledged, end: { name: 'away', reason: causeOf(error), retryAfterMs: 0 } }
  }
}

function toFailure({ status, headers }: Response, text: string): Exclude<PublishOutcome, { name: 'published' }> {
  const reason = `${status} ${detailOf(text)}`
  if (status < 500 && status !== 429) return { name: 'refused', status, reason }
  return { name: 'away', reason, retryAfterMs: 1000 * (Number(headers.get('retry-after')) || 0) }
}

/**
 * Publishes, once, but tries again and again while the hub is away, until `until` (a time of `performance.now()`). `onAway` is told each time an
 * attempt was in vain.
 */
export async function publishWithRetry(
  hub: URL,
  fields: URLSearchParams,
  { token, until, onAway }: { token: string | undefined; until: number; onAway: (reason: string) => void },
): Promise<PublishOutcome> {
  const idempotencyKey = crypto.randomUUID()
  for (let attempt = 0; ; attempt++) {
    const outcome = await publishOnce(hub, fields, { token, idempotencyKey })
    if (outcome.name !== 'away' || performance.now() >= until) return outcome
    onAway(outcome.reason)
    // Half of it at random, so that many publishers do not all come back at once.
    const backoffMs = Math.min(5000, 200 * 2 ** attempt) * (0.5 + Math.random() / 2)
    await wait(Math.min(Math.max(backoffMs, outcome.retryAfterMs), Math.max(0, until - performance.now())))
  }
}

/** The headers by which a hub knows who sends a request. */
export function authorizationOf(token: string | undefined): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` }
}

/** The part of a problem document that is for people. */
export function detailOf(body: string): string {
  try {
    const { detail } = JSON.parse(body) as { detail?: unknown }
    if (typeof detail === 'string') return detail
  } catch (error) {
    // A proxy in between answers in its own words.
    if (!(error instanceof SyntaxError)) throw error
  }
  return body.slice(0, 200).trim()
}

/** `fetch` says only that it failed; the reason is the cause. */
function causeOf(error: unknown): string {
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : (error as Error)
  return (cause as NodeJS.ErrnoException).code ?? cause.message
}
