import type { IncomingMessage, ServerResponse } from 'node:http'
import { isEventSourceRequest, namesOf } from '@headwater/sse/internal'
import { createResponse, createSession, type Session, type SessionOptions } from '@headwater/sse/server'
import { checkNames } from '../base/check-names.ts'
import { HubError } from '../base/errors.ts'
import { pipeIntoStream, type StreamPipeOptions, type StreamPipeResult } from './pipe-into-stream.ts'
import { openSource, type StreamSource } from './pipe-source.ts'
import type { HubStream, StreamOptions, StreamReadOptions, StreamState } from './stream.ts'
import { goneError, noStreamError } from './stream-errors.ts'
import { assertStreamName } from './stream-name.ts'
import { recordId } from './stream-record.ts'
import { toReason, toText, toType } from './stream-text.ts'
import type { StreamWriter } from './stream-writer.ts'
import type { Streams } from './streams.ts'
import { newWriterId } from './writer-id.ts'

/** The stream of a name. Throws `INVALID_STREAM_NAME`, `INVALID_OPTION`. */
export function openStream(streams: Streams, name: string, options: StreamOptions = {}): HubStream {
  assertStreamName(name)
  checkNames('the options of stream', options, optionNames)
  const id = newWriterId()
  const over = new AbortController()
  let opening: Promise<StreamWriter> | undefined
  const begin = async (open: () => Promise<StreamWriter>): Promise<StreamWriter> => {
    const writer = await open()
    if (writer.signal.aborted) over.abort(writer.signal.reason)
    else writer.signal.addEventListener('abort', () => over.abort(writer.signal.reason), { once: true })
    return writer
  }
  /** The writer, once it is open. An opening that failed can be tried again. */
  const writing = (): Promise<StreamWriter> => {
    if (opening) return opening
    const begun = begin(() => streams.open(name, id, options))
    opening = begun
    begun.catch(() => {
      if (opening === begun) opening = undefined
    })
    return begun
  }
  const idOf = ({ run, number }: { run: string; number: number }) => recordId(name, run, number)
  const write = async (writer: StreamWriter, data: unknown, type: string | undefined) =>
    idOf(await writer.write(toText(data), toType(type)))

  /**
   * An `EventSource` that is refused gives up for good: while the store cannot say whether there is such a
   * stream, it is given a response that breaks off, and comes back.
   */
  const forReader = async (isEventSource: boolean) => {
    try {
      return (await streams.placeForReader(name)).name
    } catch (error) {
      if (!isEventSource || !(error instanceof HubError) || error.code !== 'STORE_FAILED') throw error
      return 'later'
    }
  }

  const stream: HubStream = {
    name,
    signal: over.signal,

    async open() {
      await writing()
    },

    async takeOver() {
      if (opening) {
        const writer = await opening
        if (writer.isOpen)
          throw new HubError(
            'INVALID_OPTION',
            `This object is the writer of the stream ${JSON.stringify(name)}: there is nothing to take over.`,
          )
        throw new HubError(
          'STREAM_TAKEN_OVER',
          `This object was the writer of the stream ${JSON.stringify(name)}. Call takeOver() of another: hub.stream(name).takeOver().`,
        )
      }
      const taken = streams.takeOver(name, id)
      const begun = begin(async () => (await taken).writer)
      opening = begun
      begun.catch(() => {
        opening = undefined
      })
      await begun
      return (await taken).before
    },

    async write(data, given = {}) {
      checkNames('the options of write', given, writeNames)
      // Before the wait, so that what is changed after the call does not count.
      const text = toText(data)
      const type = toType(given.type)
      return idOf(await (await writing()).write(text, type))
    },

    async pipe<T>(source: StreamSource<T>, given: StreamPipeOptions<T> = {}): Promise<StreamPipeResult> {
      checkNames('the options of pipe', given, pipeNames)
      // The mistake of what is no source is thrown before there is a stream.
      const opened = openSource(source)
      let writer: StreamWriter
      try {
        writer = await writing()
      } catch (error) {
        opened.cancel(error)
        throw error
      }
      const target = { writer, write: (data: unknown, type: string | undefined) => write(writer, data, type) }
      const result = await pipeIntoStream(opened, target, given)
      if (result.outcome === 'interrupted' || (result.outcome === 'completed' && given.keepOpen)) return result
      try {
        const reason = result.outcome === 'failed' ? reasonFor(result.error, given) : ''
        await writer.end({ kind: result.outcome === 'failed' ? 'failed' : 'closed', data: reason })
        return result
      } catch (error) {
        return result.outcome === 'failed' ? result : { outcome: 'interrupted', error: error as HubError }
      }
    },

    async close() {
      await (await writing()).end({ kind: 'closed', data: '' })
    },

    async fail(reason = '') {
      await (await writing()).end({ kind: 'failed', data: toReason(reason) })
    },

    async stop(reason = '') {
      return await streams.stop(name, toReason(reason))
    },

    async state(): Promise<StreamState> {
      const place = await streams.place(name)
      if (place.name === 'none') return { name: 'none' }
      const { last } = place
      const { isPrivate } = last
      if (place.name === 'gone') return { name: 'gone', isPrivate }
      const lastEventId = idOf(last)
      if (place.name === 'open') return { name: 'open', lastEventId, isPrivate }
      const { how, reason } = place
      return { name: 'ended', how, ...(reason !== undefined && { reason }), lastEventId, isPrivate }
    },

    async written() {
      const place = await streams.place(name)
      if (place.name === 'none') throw noStreamError(name)
      if (place.name === 'gone') throw goneError(name)
      return await streams.writtenBefore(name, { ...place.last, number: Infinity })
    },

    async *read(given: StreamReadOptions = {}) {
      checkNames('the options of read', given, readNames)
      const { after = '', signal } = given
      const { name: state } = await streams.placeForReader(name)
      if (state === 'none') throw noStreamError(name)
      if (state === 'gone') throw goneError(name)
      const end = yield* streams.read(name, after, signal)
      if (end === undefined) throw new HubError('HUB_CLOSED', 'The hub closed before the stream ended.')
    },

    async response(request, given: SessionOptions = {}) {
      const state = await forReader(isEventSourceRequest(request.method, request.headers.get('accept')))
      if (state === 'later') return createResponse(request, given, (session) => void session.drain())
      if (state === 'none') return new Response(null, { status: 204, headers: notStored })
      if (state === 'gone') return new Response(problemOf(goneError(name)), { status: 410, headers: problemHeaders })
      return createResponse(request, given, (session) => stream.subscribe(session as Session))
    },

    async answer(request: IncomingMessage, response: ServerResponse, given: SessionOptions = {}) {
      const state = await forReader(isEventSourceRequest(request.method, request.headers.accept))
      if (state === 'later') return void createSession(request, response, given).drain()
      if (state === 'none') response.writeHead(204, notStored).end()
      else if (state === 'gone') response.writeHead(410, problemHeaders).end(problemOf(goneError(name)))
      else {
        const session = createSession(request, response, given) as Session
        if (session.isOpen) stream.subscribe(session)
        return session
      }
      return undefined
    },

    subscribe: (session) => streams.deliver(name, session),
  }
  return stream
}

const optionNames = namesOf<StreamOptions>({ leaseMs: true, retentionMs: true, private: true })
const writeNames = namesOf<{ type?: string }>({ type: true })
const pipeNames = namesOf<StreamPipeOptions>({ toEvent: true, keepOpen: true, reasonOf: true })
const readNames = namesOf<StreamReadOptions>({ after: true, signal: true })

const notStored = { 'cache-control': 'no-store' }
const problemHeaders = { ...notStored, 'content-type': 'application/problem+json' }

function problemOf({ code, message }: HubError): string {
  return `${JSON.stringify({ title: 'Gone', status: 410, detail: message, code })}\n`
}

function reasonFor<T>(error: unknown, { reasonOf }: StreamPipeOptions<T>): string {
  if (error instanceof HubError && shownCodes.has(error.code)) return error.message
  return reasonOf ? toReason(reasonOf(error)) : 'The source failed.'
}

/** The errors of what was written: they say nothing about the hub. */
const shownCodes: ReadonlySet<string> = new Set(['INVALID_DATA', 'INVALID_EVENT_TYPE', 'TOO_LARGE'])
