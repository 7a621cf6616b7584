import { namesOf } from '@headwater/sse/internal'
import {
  createResponse,
  GAP_EVENT_TYPE,
  type ResponseHeaders,
  readLastEventId,
  type Session,
} from '@headwater/sse/server'
import type { UIMessageChunk } from 'ai'
import { checkNames } from '../../base/check-names.ts'
import { HubError } from '../../base/errors.ts'
import { foreignIdError } from '../../streams/read-to-end.ts'
import type { HubStream } from '../../streams/stream.ts'
import { numberInId, type StreamEndKind } from '../../streams/stream-record.ts'

export interface UIMessageResponseOptions {
  /** Headers to add to, or to replace, those of the AI SDK and of an event stream. */
  readonly headers?: ResponseHeaders | undefined
  /** The silence after which a comment is sent, in milliseconds. Default 10,000. */
  readonly heartbeatMs?: number | undefined
  /** Called with errors that the client cannot be shown. Default: `console.error`. */
  readonly onError?: ((error: unknown) => void) | undefined
}

export interface SendUIMessageStreamOptions extends UIMessageResponseOptions {
  /**
   * Called with a promise that resolves when all is stored, for platforms that suspend a program after its
   * response: `after` of Next.js.
   */
  readonly waitUntil?: ((promise: Promise<unknown>) => void) | undefined
  /**
   * What a client is shown of an error that `chunks` throws. Errors of the model are chunks, and not meant
   * here. Default: `An error occurred.`
   */
  readonly errorText?: ((error: unknown) => string) | undefined
}

export interface ResumeUIMessageStreamOptions extends UIMessageResponseOptions {
  /**
   * Sends a stream that has ended to a client without a last event ID, too. Default: false, and it gets 204,
   * because the message is among those that the application stored.
   */
  readonly replaysEnded?: boolean | undefined
}

/**
 * Answers the request of `useChat` for a message with a UI message stream, as `createUIMessageStreamResponse` of
 * the AI SDK does. Every chunk is in the stream of the hub before it is sent, with its ID, and the model is read
 * to its end, whether or not the client stays: `resumeUIMessageStream` sends the rest.
 *
 * Pass `stream.signal` to the model, so that `stream.stop()` stops it.
 *
 * @throws HubError `STREAM_HAS_WRITER`, `STREAM_ENDED`, `STREAM_GONE` for a stream that was used before;
 * `TOO_MANY_STREAMS`, `INVALID_OPTION`, `HUB_CLOSED`; what the store throws.
 */
export async function sendUIMessageStream(
  request: Request,
  stream: HubStream,
  chunks: ReadableStream<UIMessageChunk>,
  options: SendUIMessageStreamOptions = {},
): Promise<Response> {
  checkNames('the options of sendUIMessageStream', options, sendNames)
  const { waitUntil, errorText = () => 'An error occurred.', ...response } = options
  if (typeof chunks?.getReader !== 'function') {
    throw new HubError('INVALID_OPTION', `chunks is ${String(chunks)}: pass what toUIMessageStream() returns.`)
  }
  const written = stream.pipe(chunks, { reasonOf: errorText })
  // `pipe` rejects for the same reason, and has cancelled the chunks.
  written.catch(() => {})
  // Until then there is nothing to read.
  await stream.open()
  waitUntil?.(written)
  return respond(request, stream, '', response)
}

/**
 * Answers the request by which `useChat` resumes. A client of `ResumableChatTransport` sends the ID of the last
 * chunk that it has, and gets only what follows; any other gets the message from its beginning. 204 if there is
 * no stream, or if it has ended and the client has nothing of it; 410 if its retention is over; 400 for an ID of
 * another stream. `undefined` stands for no stream.
 *
 * @throws HubError `INVALID_OPTION`; what the store throws.
 */
export async function resumeUIMessageStream(
  request: Request,
  stream: HubStream | undefined,
  options: ResumeUIMessageStreamOptions = {},
): Promise<Response> {
  checkNames('the options of resumeUIMessageStream', options, resumeNames)
  const { replaysEnded = false, ...response } = options
  const after = readLastEventId(request.headers.get('last-event-id') ?? undefined, request.url)
  const state = await stream?.state()
  if (!stream || !state || state.name === 'none') return nothing()
  if (state.name === 'gone') {
    return after === '' ? nothing() : refusal(410, `The stream ${JSON.stringify(stream.name)} is no longer kept.`)
  }
  if (after !== '' && numberInId(stream.name, after) === undefined) {
    return refusal(400, foreignIdError(stream.name, after).message)
  }
  if (state.name === 'ended' && after === '' && !replaysEnded) return nothing()
  return respond(request, stream, after, response)
}

const responseNames = { headers: true, heartbeatMs: true, onError: true } as const
const sendNames = namesOf<SendUIMessageStreamOptions>({ ...responseNames, waitUntil: true, errorText: true })
const resumeNames = namesOf<ResumeUIMessageStreamOptions>({ ...responseNames, replaysEnded: true })

const notStored = { 'cache-control': 'no-store' }

function nothing(): Response {
  return new Response(null, { status: 204, headers: notStored })
}

/** The AI SDK shows the text of an answer that is not OK as its error. */
function refusal(status: number, message: string): Response {
  return new Response(message, { status, headers: { ...notStored, 'content-type': 'text/plain; charset=utf-8' } })
}

function respond(
  request: Request,
  stream: HubStream,
  after: string,
  { headers, ...options }: UIMessageResponseOptions,
): Response {
  const withProtocol = new Headers({ 'x-vercel-ai-ui-message-stream': 'v1' })
  const given = headers instanceof Headers ? headers : Object.entries(headers ?? {})
  for (const [name, value] of given) if (value !== undefined) withProtocol.set(name, String(value))
  return createResponse(request, { ...options, headers: withProtocol, whenFull: 'wait' }, (session) =>
    deliver(session, stream, after),
  )
}

/**
 * Sends a stream from an ID on, no faster than the client reads. What an AI SDK client takes for the end of a
 * message is sent only where the stream has ended; otherwise the response breaks off, and the client resumes.
 */
async function deliver(session: Session, stream: HubStream, after: string): Promise<void> {
  for await (const { id, type, data } of stream.read({ after, signal: session.signal })) {
    await session.send(type === 'message' ? { id, data } : { data: signalChunk(type, data) })
    // What follows a gap cannot be understood without what is missing.
    if (type === GAP_EVENT_TYPE) break
  }
  await session.send({ data: '[DONE]' })
  await session.close()
}

/** What the reader is told by a signal of ours, in the words of the AI SDK. */
function signalChunk(type: string, data: string): UIMessageChunk {
  if (type === GAP_EVENT_TYPE) return { type: 'error', errorText: 'A part of the message is no longer kept.' }
  const { how, reason } = JSON.parse(data) as { how: StreamEndKind; reason?: string }
  if (how === 'stopped') return { type: 'abort', ...(reason !== undefined && { reason }) }
  if (how === 'lost') return { type: 'error', errorText: 'The message was interrupted, and is not complete.' }
  return { type: 'error', errorText: reason ?? 'The message failed, and is not complete.' }
}
