import { createParser } from '@headwater/sse'

/** What a response has delivered of an event stream. */
export interface Progress {
  /** The ID of its last event; `''` if none had one. */
  lastEventId: string
  /** Whether there was an event. */
  hasEvents: boolean
  /** Whether its last event was `[DONE]`, by which the AI SDK ends a stream. */
  isDone: boolean
  /** Why it broke off, if it did. */
  failure: unknown
}

/**
 * Passes the bytes of a response on, and notes how far they came. A response that breaks off ends: what came
 * before is delivered, where an error would discard what is not read yet.
 */
export function watchProgress(bytes: ReadableStream<Uint8Array<ArrayBufferLike>>): {
  readonly progress: Progress
  readonly bytes: ReadableStream<Uint8Array<ArrayBufferLike>>
} {
  const progress: Progress = { lastEventId: '', hasEvents: false, isDone: false, failure: undefined }
  const parser = createParser({
    onId: (id) => {
      progress.lastEventId = id
    },
    onEvent: ({ data }) => {
      progress.hasEvents = true
      progress.isDone = data === '[DONE]'
    },
  })
  const reader = bytes.getReader()
  const watched = new ReadableStream<Uint8Array<ArrayBufferLike>>({
    async pull(controller) {
      try {
        const { value, done } = await reader.read()
        if (done) return controller.close()
        parser.feed(value)
        controller.enqueue(value)
      } catch (error) {
        progress.failure = error
        controller.close()
      }
    },
    cancel: (reason) => reader.cancel(reason),
  })
  return { progress, bytes: watched }
}
