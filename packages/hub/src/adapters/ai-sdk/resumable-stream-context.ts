import { namesOf } from '@headwater/sse/internal'
import { assertHub } from '../../base/assert-hub.ts'
import { checkNames } from '../../base/check-names.ts'
import { HubError } from '../../base/errors.ts'
import type { Hub } from '../../create-hub.ts'
import { readToEnd } from '../../streams/read-to-end.ts'
import type { HubStream, StreamOptions, StreamState } from '../../streams/stream.ts'

export interface ResumableStreamContextOptions {
  /** The hub that keeps the streams, in place of Redis. */
  readonly hub: Pick<Hub, 'stream'>
  /** What the names of the streams begin with, before `:` and the ID. Default: `resumable-stream`. */
  readonly keyPrefix?: string | undefined
  /**
   * Called with a promise that resolves when a stream has ended, for platforms that suspend a program
   * after its response: `after` of Next.js. `null` or nothing: the program stays alive by itself.
   */
  readonly waitUntil?: ((promise: Promise<unknown>) => void) | null | undefined
  /** Options of the streams. `private` is true unless they say otherwise: the program decides who reads. */
  readonly stream?: StreamOptions | undefined
}

/** The functions of `resumable-stream`, with the same arguments and results. */
export interface ResumableStreamContext {
  /**
   * Resumes the stream with this ID, or creates it if there is none: `makeStream` is only called then.
   * Of several calls at once, one creates it. Resolves to `null` for a stream that has ended. A reader
   * gets the whole text so far, less `skipCharacters`, then the rest as it comes.
   *
   * @throws HubError `INVALID_STREAM_NAME`, `TOO_MANY_STREAMS`, `HUB_CLOSED`; what the store throws.
   */
  resumableStream(
    streamId: string,
    makeStream: () => ReadableStream<string>,
    skipCharacters?: number,
  ): Promise<ReadableStream<string> | null>
  /**
   * Resumes a stream. Resolves to `undefined` if there is none with this ID, and to `null` if it has
   * ended.
   */
  resumeExistingStream(streamId: string, skipCharacters?: number): Promise<ReadableStream<string> | null | undefined>
  /**
   * Creates a stream and reads `makeStream()` to its end, whether or not anybody reads the result.
   *
   * @throws HubError as `resumableStream` does; `STREAM_HAS_WRITER` and `STREAM_ENDED` for an ID that was
   * used before.
   */
  createNewResumableStream(
    streamId: string,
    makeStream: () => ReadableStream<string>,
    skipCharacters?: number,
  ): Promise<ReadableStream<string> | null>
  /** Resolves to `null` if there is no stream with this ID, to `true` while it is open, and then to `DONE`. */
  hasExistingStream(streamId: string): Promise<null | true | 'DONE'>
}

/**
 * The context of `resumable-stream` over a hub: what a producer streams is in the hub's history before a
 * reader gets it, so it survives a restart of the program, and needs no Redis.
 *
 * @throws HubError `INVALID_OPTION`
 */
export function createResumableStreamContext(options: ResumableStreamContextOptions): ResumableStreamContext {
  checkNames('the options of createResumableStreamContext', options, optionNames)
  const { hub, keyPrefix = 'resumable-stream', waitUntil, stream: streamOptions } = options
  assertHub(hub, 'createResumableStreamContext({ hub })')
  const open = (streamId: string) => hub.stream(`${keyPrefix}:${streamId}`, { private: true, ...streamOptions })

  async function create(streamId: string, makeStream: () => ReadableStream<string>): Promise<ReadableStream<string>> {
    const stream = open(streamId)
    await stream.open()
    let source: ReadableStream<string>
    try {
      source = assertStream(makeStream())
    } catch (error) {
      await stream.fail('The source failed.')
      throw error
    }
    // It may be cut inside a character, and contain what an event stream cannot carry: JSON keeps both.
    const written = stream.pipe(source, { toEvent: (text) => ({ data: JSON.stringify(assertText(text)) }) })
    waitUntil?.(written)
    return readText(stream)
  }

  async function resume(streamId: string, skipCharacters?: number): Promise<ReadableStream<string> | null | undefined> {
    const stream = open(streamId)
    const state = doneState(await stream.state())
    if (state !== true) return state === null ? undefined : null
    return readText(stream, skipCharacters)
  }

  return {
    async resumableStream(streamId, makeStream, skipCharacters) {
      const resumed = await resume(streamId, skipCharacters)
      if (resumed !== undefined) return resumed
      try {
        return await create(streamId, makeStream)
      } catch (error) {
        // Somebody else was faster.
        if (error instanceof HubError && (error.code === 'STREAM_HAS_WRITER' || error.code === 'STREAM_ENDED')) {
          return (await resume(streamId, skipCharacters)) ?? null
        }
        throw error
      }
    },
    resumeExistingStream: resume,
    createNewResumableStream: (streamId, makeStream) => create(streamId, makeStream),
    hasExistingStream: async (streamId) => doneState(await open(streamId).state()),
  }
}

const optionNames = namesOf<ResumableStreamContextOptions>({
  hub: true,
  keyPrefix: true,
  waitUntil: true,
  stream: true,
})

function doneState({ name }: StreamState): null | true | 'DONE' {
  if (name === 'none') return null
  return name === 'open' ? true : 'DONE'
}

function assertStream(source: unknown): ReadableStream<string> {
  // Not by its class: frameworks bring their own.
  if (typeof (source as ReadableStream | undefined)?.getReader === 'function') return source as ReadableStream<string>
  throw new HubError(
    'INVALID_OPTION',
    `makeStream() returned ${String(source)}: it must return a ReadableStream of text.`,
  )
}

function assertText(text: unknown): string {
  if (typeof text === 'string') return text
  throw new HubError(
    'INVALID_DATA',
    `A resumable stream is made of text, and makeStream() returned one of ${typeof text}s. Pipe bytes through new TextDecoderStream().`,
  )
}

/** The text of a stream, less so many characters, until its end. Errors if the stream is not complete. */
function readText(stream: HubStream, skipCharacters = 0): ReadableStream<string> {
  const left = new AbortController()
  const events = readToEnd(stream, { signal: left.signal })
  let toSkip = skipCharacters
  return new ReadableStream<string>(
    {
      async pull(controller) {
        for (;;) {
          const { value, done } = await events.next()
          if (done) return controller.close()
          const text = JSON.parse(value.data) as string
          const rest = text.slice(toSkip)
          toSkip -= text.length - rest.length
          if (rest !== '') return controller.enqueue(rest)
        }
      },
      cancel: () => left.abort(),
    },
    // Nothing is read before it is wanted.
    { highWaterMark: 0 },
  )
}
