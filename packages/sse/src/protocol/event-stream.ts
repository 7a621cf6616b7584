import { SseError } from './errors.ts'
import type { ParsedEvent } from './event.ts'
import { namesOf, refuseUnknownName } from './names.ts'
import { createParser, type Parser, type ParserOptions } from './parse.ts'

/**
 * The options of {@link EventStreamParser} and {@link readEvents}: those of a parser without
 * `onEvent`.
 */
export type EventStreamOptions = Omit<ParserOptions, 'onEvent'>

// The rest of the module works where there is no TransformStream: there, only `new` throws.
const Base: typeof TransformStream =
  globalThis.TransformStream ??
  class {
    constructor() {
      throw new TypeError('There is no TransformStream here. Use readEvents() or createParser().')
    }
  }

/**
 * A `TransformStream` from the bytes (or text) of an event stream to its events:
 * `response.body.pipeThrough(new EventStreamParser())`. It errors with `EVENT_TOO_LARGE`,
 * and at its end with `INCOMPLETE_EVENT`.
 */
export class EventStreamParser extends Base<Uint8Array | string, ParsedEvent> {
  constructor(options: EventStreamOptions = {}) {
    checkOptions(options)
    let parser: ReturnType<typeof createParser>
    super({
      start(controller) {
        parser = createParser({
          ...options,
          onEvent: (event) => controller.enqueue(event),
          onError(error) {
            options.onError?.(error)
            if (error.code === 'EVENT_TOO_LARGE') controller.error(error)
          },
        })
      },
      transform(chunk) {
        parser.feed(chunk)
      },
      flush() {
        refuseIncomplete(parser, options)
      },
    })
  }
}

/**
 * Reads the events of a stream: `for await (const { data } of readEvents(response.body))`. Requests
 * a chunk only after the loop has consumed the events of the previous one. Calls the
 * callbacks between the events, where the stream has what they are for. Leaving the loop cancels
 * the stream.
 *
 * @throws {SseError} `INVALID_OPTION`, at once, if this is not a stream or an option is wrong.
 * While iterating, after the events before: `EVENT_TOO_LARGE`; `INCOMPLETE_EVENT` if the stream ends
 * inside an event.
 */
export function readEvents(
  stream: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array | string>,
  options: EventStreamOptions = {},
): AsyncGenerator<ParsedEvent, void, undefined> {
  refuseUnlessReadable(stream)
  checkOptions(options)
  return iterate(stream, options)
}

async function* iterate(
  stream: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array | string>,
  options: EventStreamOptions,
): AsyncGenerator<ParsedEvent, void, undefined> {
  const { onComment, onRetry, onId, onError } = options
  /** Events, and the calls of callbacks between them. */
  let items: (ParsedEvent | (() => void))[] = []
  const inTurn = <T>(callback: ((value: T) => void) | undefined) =>
    callback && ((value: T) => items.push(() => callback(value)))
  let failure: SseError | undefined
  const parser = createParser({
    ...options,
    onEvent: (event) => items.push(event),
    onComment: inTurn(onComment),
    onRetry: inTurn(onRetry),
    onId: inTurn(onId),
    onError(error) {
      inTurn(onError)?.(error)
      if (error.code === 'EVENT_TOO_LARGE') failure = error
    },
  })
  for await (const chunk of 'getReader' in stream ? chunksOf(stream) : stream) {
    parser.feed(chunk)
    const ready = items
    items = []
    for (const item of ready)
      if (typeof item === 'function') item()
      else yield item
    if (failure) throw failure
  }
  refuseIncomplete(parser, options)
}

/** An `EventSource` reconnects after any end, but here the end means that all has arrived. */
function refuseIncomplete(parser: Parser, { onError }: EventStreamOptions): void {
  if (!parser.isIncomplete()) return
  const error = new SseError(
    'INCOMPLETE_EVENT',
    'The stream ended inside an event, which is dropped: it broke off, or the server left out the last blank line.',
  )
  onError?.(error)
  throw error
}

function checkOptions(options: EventStreamOptions): void {
  if (Object(options) !== options) throw new SseError('INVALID_OPTION', `The options are ${options}, not an object.`)
  refuseUnknownName("a reader's options", options, names)
  // It checks their values.
  createParser(options)
}

const names = namesOf<EventStreamOptions>({
  onComment: true,
  onRetry: true,
  onId: true,
  onError: true,
  maxEventBytes: true,
})

/**
 * Catches two easy mistakes: a response without a body has the body `null`, and a response is
 * passed in place of its body.
 */
function refuseUnlessReadable(stream: unknown): void {
  const isObject = typeof stream === 'object' && stream !== null
  if (isObject && ('getReader' in stream || Symbol.asyncIterator in stream)) return
  const shown = isObject ? 'an object that' : `${String(stream).slice(0, 80)}, which`
  throw new SseError(
    'INVALID_OPTION',
    `readEvents() got ${shown} is not a ReadableStream or async iterable. Did you mean readEvents(response.body)?`,
  )
}

async function* chunksOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader()
  try {
    for (;;) {
      const { done, value } = await reader.read()
      if (done) return
      yield value
    }
  } finally {
    // What went wrong after the last event does not matter to a loop that was left.
    await reader.cancel().catch(() => {})
    reader.releaseLock()
  }
}
