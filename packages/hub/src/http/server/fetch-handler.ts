import { createResponse, type SessionOptions } from '@headwater/sse/server'
import { HubError } from '../../base/errors.ts'
import { ClientPresence } from '../message/client-presence.ts'
import type { HubRequest, HubResponse } from '../message/http-message.ts'
import type { HandlerOptions, Router } from '../router.ts'
import { openStream } from './open-stream.ts'

/** Answers one request. Resolves when the answer begins, and never rejects. */
export type FetchHandler = (
  request: Request,
  client?: { readonly remoteAddress?: string | undefined },
) => Promise<Response>

/** Creates the function that answers Fetch requests with a router: for Hono, Bun, Deno, Next.js. */
export function fetchHandlerFor(router: Router, { session, onError = console.error }: HandlerOptions): FetchHandler {
  return async function handle(request, client) {
    const response = await router.answer(toHubRequest(request, client?.remoteAddress))
    return toResponse(request, response, session, onError)
  }
}

function toHubRequest(request: Request, remoteAddress: string | undefined): HubRequest {
  const { pathname, search, host } = new URL(request.url)
  return {
    method: request.method,
    url: pathname + search,
    rawHeaders: [...request.headers].flat(),
    body: readChunks(request.body),
    remoteAddress,
    header: (name) => request.headers.get(name) ?? (name === 'host' ? host : undefined),
    clientSignal() {
      const client = new ClientPresence()
      // Deno warns about a coming change of its own when the signal is read. So on Deno, the hub
      // notices that a client has left only when it answers.
      const signal = 'Deno' in globalThis ? undefined : request.signal
      if (signal?.aborted) client.leave()
      else signal?.addEventListener('abort', () => client.leave(), { once: true })
      return client.signal
    },
  }
}

async function* readChunks(body: ReadableStream<Uint8Array> | null): AsyncGenerator<Uint8Array> {
  if (!body) return
  const reader = body.getReader()
  let isAtEnd = false
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) {
        isAtEnd = true
        return
      }
      yield value
    }
  } catch (error) {
    isAtEnd = true
    throw new HubError('INVALID_REQUEST', 'The connection ended before the body did.', { cause: error })
  } finally {
    // The runtime handles the rest of the body. If the body had already failed, that is not news.
    if (!isAtEnd) reader.cancel().catch(() => undefined)
  }
}

function toResponse(
  request: Request,
  response: HubResponse,
  session: SessionOptions | undefined,
  onError: (error: unknown) => void,
): Response {
  if (response.eventStream) {
    return openStream(response, session, (options, begin) => createResponse(request, options, begin))
  }
  const { status, headers, body } = response
  const given = Object.entries(headers).filter((entry): entry is [string, string] => entry[1] !== undefined)
  const init = { status, headers: given }
  if (request.method === 'HEAD' || status === 204 || status === 304) return new Response(null, init)
  if (typeof body === 'string' || body instanceof Uint8Array)
    return new Response(body as Uint8Array<ArrayBuffer> | string, init)
  return new Response(toStream(body, onError), init)
}

/** Creates pieces only as the stream asks for them. */
function toStream(pieces: AsyncIterable<string>, onError: (error: unknown) => void): ReadableStream<Uint8Array> {
  const iterator = pieces[Symbol.asyncIterator]()
  const encoder = new TextEncoder()
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await iterator.next()
        if (done) controller.close()
        else controller.enqueue(encoder.encode(value))
      } catch (error) {
        if (!(error instanceof HubError)) onError(error)
        controller.error(error)
      }
    },
    async cancel() {
      await iterator.return?.()
    },
  })
}
