import { setTimeout as wait } from 'node:timers/promises'

/** What became of one attempt to publish. */
export type PublishOutcome =
  | { readonly name: 'published'; readonly id: string }
  /** There is no hub, or none that can answer now. Whether it has the event is not known if it broke off halfway. */
  | { readonly name: 'away'; readonly reason: string; readonly retryAfterMs: number }
  | { readonly name: 'refused'; readonly status: number; readonly reason: string }

/** Publishes to a hub over HTTP, as any other program would. */
export async function publishOnce(hub: URL, fields: URLSearchParams): Promise<PublishOutcome> {
  try {
    const response = await fetch(hub, { method: 'POST', body: fields, redirect: 'error' })
    const text = await response.text()
    if (response.status === 200) return { name: 'published', id: text }
    const reason = `${response.status} ${detailOf(text)}`
    if (response.status >= 500 || response.status === 429) {
      return { name: 'away', reason, retryAfterMs: 1000 * (Number(response.headers.get('retry-after')) || 0) }
    }
    return { name: 'refused', status: response.status, reason }
  } catch (error) {
    return { name: 'away', reason: causeOf(error), retryAfterMs: 0 }
  }
}

/**
 * Publishes, again and again while the hub is away, until `until` (a time of `performance.now()`). `onAway` is told each time an
 * attempt was in vain.
 */
export async function publishWithRetry(
  hub: URL,
  fields: URLSearchParams,
  { until, onAway }: { until: number; onAway: (reason: string) => void },
): Promise<PublishOutcome> {
  for (let attempt = 0; ; attempt++) {
    const outcome = await publishOnce(hub, fields)
    if (outcome.name !== 'away' || performance.now() >= until) return outcome
    onAway(outcome.reason)
    // Half of it at random, so that many publishers do not all come back at once.
    const backoffMs = Math.min(5000, 200 * 2 ** attempt) * (0.5 + Math.random() / 2)
    await wait(Math.min(Math.max(backoffMs, outcome.retryAfterMs), Math.max(0, until - performance.now())))
  }
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
