import type { SseError } from './errors.ts'
import type { ParsedEvent } from './event.ts'
import { createParser, type ParserOptions } from './parse.ts'

/** What {@link EventStreamParser} and {@link readEvents} take: everything of a parser but `onEvent`. */
export type EventStreamOptions = Omit<ParserOptions, 'onEvent'>

/** A `TransformStream` from the bytes (or text) of an event stream to its events. */
export class EventStreamParser extends TransformStream<Uint8Array | string, ParsedEvent> {
  constructor(options: EventStreamOptions = {}) {
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
    })
  }
}

/** Reads the events of a stream. Leaving the loop cancels the stream. */
export async function* readEvents(
  stream: ReadableStream<Uint8Array> | AsyncIterable<Uint8Array | string>,
  options: EventStreamOptions = {},
): AsyncGenerator<ParsedEvent, void, undefined> {
  let events: ParsedEvent[] = []
  let failure: SseError | undefined
  const parser = createParser({
    ...options,
    onEvent: (event) => events.push(event),
    onError(error) {
      options.onError?.(error)
      if (error.code === 'EVENT_TOO_LARGE') failure = error
    },
  })
  for await (const chunk of 'getReader' in stream ? chunksOf(stream) : stream) {
    parser.feed(chunk)
    const ready = events
    events = []
    yield* ready
    if (failure) throw failure
  }
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
    await reader.cancel()
    reader.releaseLock()
  }
}
