import { ConnectionError, events } from '@headwater/sse/client'
import type { HistoryPosition } from '../store.ts'
import {
  type AppendAnswer,
  type AppendRequest,
  type BoundsAnswer,
  boundsMs,
  replicationPathsBelow,
  replicationVersion,
  type StreamMessages,
  streamIdOf,
  type TagsRequest,
  type VisitRequest,
} from './replication-protocol.ts'
import { errorOfFailure, errorOfResponse, UpstreamError } from './upstream-error.ts'
import { shownUrl } from './upstream-url.ts'

/** A message of the stream, with its type. */
export type StreamMessage = {
  [Type in keyof StreamMessages]: { readonly type: Type } & StreamMessages[Type]
}[keyof StreamMessages]

export interface UpstreamClientOptions {
  /** The URL of the hub, with its path. */
  readonly url: URL
  /** Returns the token to send, if any. Called for each request. */
  readonly token: () => string | undefined | Promise<string | undefined>
}

/** A connection counts as dead after this long without a message, in milliseconds. */
const idleTimeoutMs = 3 * boundsMs
/** The largest message that is read. */
const maxMessageBytes = 512 * 1024 ** 2

/** Asks a hub upstream. Everything rejects with an {@link UpstreamError}. */
export class UpstreamClient {
  readonly url: URL
  readonly #paths: ReturnType<typeof replicationPathsBelow>
  readonly #token: UpstreamClientOptions['token']

  constructor({ url, token }: UpstreamClientOptions) {
    this.url = url
    this.#paths = replicationPathsBelow(url.pathname)
    this.#token = token
  }

  /** Returns what the hub has, once it has asked its own upstream. */
  async head(timeoutMs: number): Promise<BoundsAnswer> {
    const answer = (await this.#ask(this.#paths.head, undefined, timeoutMs)) as Partial<BoundsAnswer>
    const { version, epoch, head, trimmed } = answer
    if (
      version === replicationVersion &&
      typeof epoch === 'string' &&
      /^[0-9a-z]{10}$/.test(epoch) &&
      head &&
      trimmed
    ) {
      return answer as BoundsAnswer
    }
    throw new UpstreamError(
      'refused',
      `At ${shownUrl(this.url)} there is no hub that can be copied: its answer is not one of version ${replicationVersion} of the replication protocol.`,
    )
  }

  async tags(request: TagsRequest, timeoutMs: number): Promise<readonly (number | null)[]> {
    return (await this.#ask(this.#paths.tags, request, timeoutMs)) as readonly (number | null)[]
  }

  async append(request: AppendRequest, timeoutMs: number): Promise<readonly AppendAnswer[]> {
    return (await this.#ask(this.#paths.events, request, timeoutMs)) as readonly AppendAnswer[]
  }

  async visit(request: VisitRequest, timeoutMs: number): Promise<readonly string[] | null> {
    return (await this.#ask(this.#paths.nodes, request, timeoutMs)) as readonly string[] | null
  }

  /** The messages of one connection, from a position on. Never ends without an error. */
  async *stream(epoch: string, after: HistoryPosition, signal: AbortSignal): AsyncGenerator<StreamMessage> {
    const url = new URL(this.#paths.stream, this.url)
    try {
      const stream = events(url, {
        headers: () => this.#headers(),
        fetch: (target, init) => fetch(target, { ...init, redirect: 'manual' }),
        lastEventId: streamIdOf(epoch, after),
        retry: false,
        idleTimeoutMs,
        maxEventBytes: maxMessageBytes,
        signal,
      })
      for await (const { type, data } of stream) {
        if (type === 'start' || type === 'events' || type === 'bounds') {
          yield { type, ...(JSON.parse(data) as object) } as StreamMessage
        }
      }
    } catch (error) {
      throw this.#errorOf(error)
    }
    throw new UpstreamError('away', `The hub upstream at ${shownUrl(this.url)} ended the stream.`)
  }

  #errorOf(error: unknown): UpstreamError {
    if (!(error instanceof ConnectionError)) return errorOfFailure(this.url, error)
    const { status, headers, body = '', code } = error
    if (status !== undefined) return errorOfResponse(this.url, status, headers, body)
    if (code !== 'IDLE_TIMEOUT') return errorOfFailure(this.url, error)
    return new UpstreamError(
      'away',
      `The hub upstream at ${shownUrl(this.url)} has sent nothing for ${idleTimeoutMs / 1000} s.`,
    )
  }

  /** Sends one request, a POST if there is a body, and returns the JSON of the response. */
  async #ask(path: string, body: object | undefined, timeoutMs: number): Promise<unknown> {
    const url = new URL(path, this.url)
    const init: RequestInit = {
      method: body ? 'POST' : 'GET',
      body: body ? JSON.stringify(body) : null,
      headers: { ...(await this.#headers()), ...(body && { 'content-type': 'application/json' }) },
      redirect: 'manual',
      // A whole number that a timer can take.
      signal: AbortSignal.timeout(Math.ceil(Math.min(Math.max(timeoutMs, 1), 2 ** 31 - 1))),
    }
    let response: Response
    let text: string
    try {
      response = await fetch(url, init)
      text = await response.text()
    } catch (error) {
      throw errorOfFailure(this.url, error)
    }
    try {
      if (response.status === 200) return JSON.parse(text)
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error
    }
    throw errorOfResponse(this.url, response.status, response.headers, text)
  }

  async #headers(): Promise<Record<string, string>> {
    let token: string | undefined
    try {
      token = await this.#token()
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error)
      throw new UpstreamError('refused', `The token for the hub upstream cannot be read: ${why}`, 0, { cause: error })
    }
    return token === undefined ? {} : { authorization: `Bearer ${token}` }
  }
}
