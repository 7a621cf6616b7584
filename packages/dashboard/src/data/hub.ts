import { forgetToken, readToken, saveToken } from './token.ts'

/** The hub's URL, where one publishes and subscribes. Relative to the page: a proxy may serve both below another path. */
export const hubUrl = new URL(
  document.querySelector<HTMLMetaElement>('meta[name=hub]')!.content,
  new URL('.', document.baseURI),
)

/** Below the hub's URL, what operators see. */
export function observeUrl(path: string, query: Readonly<Record<string, string | number | undefined>> = {}): URL {
  const url = new URL(`${hubUrl.pathname}/headwater/v1/${path}`, hubUrl)
  for (const [name, value] of Object.entries(query))
    if (value !== undefined) url.searchParams.append(name, String(value))
  return url
}

/** Why the hub refused a request, in its own words. */
export class Refusal extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** Whether a token, or another one, would help. */
export function needsToken(problem: unknown): boolean {
  return problem instanceof Refusal && (problem.status === 401 || problem.status === 403)
}

let plug = new AbortController()
let unpluggedUntil = 0

/** `fetch`, with the token of this tab, through a cable that can be pulled out. */
export async function hubFetch(url: string | URL, init: RequestInit = {}): Promise<Response> {
  if (Date.now() < unpluggedUntil) throw new TypeError('unplugged by you')
  const token = readToken()
  const headers = new Headers(init.headers)
  if (token) headers.set('authorization', `Bearer ${token}`)
  const signal = init.signal ? AbortSignal.any([init.signal, plug.signal]) : plug.signal
  return await fetch(url, { ...init, headers, signal })
}

/**
 * Breaks every connection of this page, and lets none through for a time: what a tunnel or a
 * lost network does. Resolves when the time is over.
 */
export function unplug(milliseconds: number): Promise<void> {
  unpluggedUntil = Date.now() + milliseconds
  plug.abort(new TypeError('unplugged by you'))
  plug = new AbortController()
  return new Promise((resolve) => setTimeout(resolve, milliseconds))
}

/** Asks for JSON. @throws Refusal, or what `fetch` throws. */
export async function getJson<T>(url: URL, signal?: AbortSignal): Promise<T> {
  const response = await hubFetch(url, signal ? { signal } : {})
  if (!response.ok) throw await refusalOf(response)
  return (await response.json()) as T
}

/** Publishes as any other program does: by a form. Resolves to the event's ID. */
export async function publish(fields: URLSearchParams): Promise<string> {
  const response = await hubFetch(hubUrl, { method: 'POST', body: fields })
  if (!response.ok) throw await refusalOf(response)
  return await response.text()
}

async function refusalOf(response: Response): Promise<Refusal> {
  return refusalFrom(response.status, await response.text())
}

/** The hub explains a refusal in a problem document (RFC 9457), whose `detail` is for people. */
export function refusalFrom(status: number, text: string): Refusal {
  let message = text.slice(0, 300)
  try {
    const { detail, title } = JSON.parse(text) as { detail?: string; title?: string }
    message = detail ?? title ?? message
  } catch {
    // A proxy in between answers with other text than JSON.
  }
  return new Refusal(status, message || `The hub answered ${status}.`)
}

export { forgetToken, readToken, saveToken }
