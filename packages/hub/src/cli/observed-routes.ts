import { HubError } from '../base/errors.ts'
import type { ObservedEvent } from '../hub/observed-event.ts'
import type { ObservedPage } from '../hub/observed-history.ts'
import type { Observed } from '../observe/observatory.ts'
import type { SubscriberList } from '../observe/subscriber-book.ts'
import { authorizationOf, detailOf } from './hub-client.ts'
import { networkFailureOf } from './network-failure.ts'

/** A hub as operators address it. */
export interface ObservedHub {
  /** The URL of its hub path. */
  readonly url: URL
  readonly token: string | undefined
}

/** What each route answers. */
interface Answers {
  stats: Observed
  topics: Observed['topics']
  subscribers: SubscriberList & { readonly at: number }
  history: ObservedPage
  'history/event': { readonly event: ObservedEvent; readonly frame: string | null }
}

/** How long an answer may take. */
const answerMs = 30_000

/** A route of the hub for operators: docs/dashboard.md. */
export function observedUrl(hub: ObservedHub, route: string, query: Query = {}): URL {
  const url = new URL(hub.url)
  url.search = ''
  url.pathname = `${url.pathname.replace(/\/$/, '')}/headwater/v1/${route}`
  for (const [name, value] of Object.entries(query)) {
    for (const each of [value].flat()) if (each !== undefined) url.searchParams.append(name, String(each))
  }
  return url
}

type Query = Readonly<Record<string, string | number | undefined | readonly string[]>>

/**
 * Asks a hub what operators may know. `what` begins the message of the error, and says what for.
 *
 * @throws HubError `HUB_REFUSED`, `HUB_UNREACHABLE`
 */
export async function readObserved<Route extends keyof Answers>(
  hub: ObservedHub,
  route: Route,
  query: Query,
  what: string,
): Promise<Answers[Route]> {
  return (await askHub(hub, observedUrl(hub, route, query), {}, what)) as Answers[Route]
}

/** Sends a request for operators, which needs a right, and returns its answer from JSON. */
export async function askHub(
  hub: ObservedHub,
  url: URL,
  init: RequestInit,
  what: string,
  right: 'observe' | 'trim' = 'observe',
): Promise<unknown> {
  let response: Response
  let text: string
  try {
    const headers = { ...authorizationOf(hub.token), ...init.headers }
    response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(answerMs), ...init, headers })
    // Somebody else's server may answer anything, also without an end.
    const isShort = !response.ok || /json/.test(response.headers.get('content-type') ?? '')
    text = isShort ? await response.text() : ''
    if (!isShort) await response.body?.cancel()
  } catch (error) {
    const isLate = error instanceof Error && error.name === 'TimeoutError'
    const reason = isLate ? `no answer came within ${answerMs / 1000} s` : networkFailureOf(error).text
    throw new HubError('HUB_UNREACHABLE', `${what}: no hub answers at ${hub.url.origin}: ${reason}.`, { cause: error })
  }
  if (response.ok) return parsed(text, hub, what)
  throw refusal(response.status, text, hub, what, right)
}

function parsed(text: string, hub: ObservedHub, what: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw new HubError('HUB_REFUSED', `${what}: ${hub.url.origin} is not a hub of Headwater: it answers no JSON.`, {
      cause: error,
    })
  }
}

function refusal(status: number, text: string, hub: ObservedHub, what: string, right: string): HubError {
  if (status === 401 || status === 403) {
    const advice = `Pass --token with one of headwater token --${right}.`
    return new HubError('HUB_REFUSED', `${what} needs the right to ${right}: ${status} ${detailOf(text)} ${advice}`)
  }
  if (status === 404 && !/^\{/.test(text)) {
    return new HubError(
      'HUB_REFUSED',
      `${what} needs a hub of Headwater, and there is none at ${hub.url.origin}${hub.url.pathname} (404), or it runs in a program that does not show itself to operators.`,
    )
  }
  return new HubError('HUB_REFUSED', `${what}: the hub answered ${status}: ${detailOf(text)}`)
}
