import { HubError } from '../../base/errors.ts'
import { shownUrl } from './upstream-url.ts'

/**
 * - `away`: it cannot be reached, or cannot answer now.
 * - `refused`: it does not let this hub do this.
 * - `replaced`: it has another history now.
 */
export type UpstreamTrouble = 'away' | 'refused' | 'replaced'

/** Why a hub upstream did not do what it was asked. */
export class UpstreamError extends HubError {
  readonly trouble: UpstreamTrouble
  /** How long it asked to be left alone, in milliseconds. */
  readonly retryAfterMs: number

  constructor(trouble: UpstreamTrouble, message: string, retryAfterMs = 0, options?: ErrorOptions) {
    super('STORE_FAILED', message, options)
    this.trouble = trouble
    this.retryAfterMs = retryAfterMs
  }
}

/** The error for a response that is not the expected one. */
export function errorOfResponse(url: URL, status: number, headers: Headers | undefined, body: string): UpstreamError {
  const problem = readProblem(body)
  const said = `${status}: ${problem?.detail ?? (body.slice(0, 200).trim() || 'no text')}`
  if (status === 409 && problem?.code === 'OTHER_HISTORY') {
    return new UpstreamError(
      'replaced',
      `The hub upstream at ${shownUrl(url)} has another history now. ${problem.detail}`,
    )
  }
  if (status >= 500 || status === 408 || status === 425 || status === 429) {
    const retryAfterMs = 1000 * (Number(headers?.get('retry-after')) || 0)
    return new UpstreamError('away', `The hub upstream at ${shownUrl(url)} cannot answer now (${said})`, retryAfterMs)
  }
  if (status === 401 || status === 403) {
    return new UpstreamError(
      'refused',
      `The hub upstream at ${shownUrl(url)} refuses this one (${said}) It needs a token with the action replicate: make one with headwater token --replicate, and pass it with --upstream-token-file.`,
    )
  }
  if (status === 404 && problem?.code === 'NOT_FOUND') {
    return new UpstreamError('refused', `The hub upstream at ${shownUrl(url)} speaks another version (${said})`)
  }
  if (status >= 300 && status < 400) {
    const target = headers?.get('location') ?? 'somewhere else'
    return new UpstreamError('refused', `${shownUrl(url)} redirects to ${target}. Pass the URL of the hub itself.`)
  }
  if (problem) return new UpstreamError('refused', `The hub upstream at ${shownUrl(url)} refuses this one (${said})`)
  return new UpstreamError(
    'refused',
    `At ${shownUrl(url)} there is no hub that can be copied (${said}). Pass the URL of a Headwater hub of this version.`,
  )
}

/** The error for a request without a response. */
export function errorOfFailure(url: URL, error: unknown): UpstreamError {
  if (error instanceof UpstreamError) return error
  // The error of `fetch` says only that it failed; its cause says why.
  const { cause = error } = Object(error) as { cause?: unknown }
  if (cause instanceof UpstreamError) return cause
  const { code, message } = Object(cause) as { code?: unknown; message?: string }
  const why = typeof code === 'string' ? code : (message ?? String(cause))
  return new UpstreamError('away', `The hub upstream at ${shownUrl(url)} does not answer (${why}).`, 0, {
    cause: error,
  })
}

function readProblem(body: string): { readonly code: unknown; readonly detail: string } | undefined {
  try {
    const { code, detail } = Object(JSON.parse(body)) as { code?: unknown; detail?: unknown }
    return typeof detail === 'string' ? { code, detail } : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
