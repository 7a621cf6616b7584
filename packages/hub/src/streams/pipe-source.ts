import { HubError } from '../base/errors.ts'

/** What a stream can be filled from: text, a list, a generator, a Node `Readable`, a web `ReadableStream`. */
export type StreamSource<T = unknown> = string | Iterable<T> | AsyncIterable<T> | ReadableStream<T>

/** A source that can be given up while it is waited for. */
export interface OpenSource<T> {
  next(): Promise<IteratorResult<T, unknown>>
  /** Stops the source, whatever it does. Never rejects. */
  cancel(reason: unknown): void
}

/** Opens a source. Throws `INVALID_OPTION` for what is none. */
export function openSource<T>(source: StreamSource<T>): OpenSource<T> {
  if (typeof source === 'string') return openIterator([source as T][Symbol.iterator]())
  if (typeof source === 'object' && source !== null) {
    // First: a web stream is an async iterable in some runtimes only, and is cancelled by its reader.
    if ('getReader' in source) return openReader(source)
    if (Symbol.asyncIterator in source) return openIterator(source[Symbol.asyncIterator]())
    if (Symbol.iterator in source) return openIterator(source[Symbol.iterator]())
  }
  const what = typeof source === 'function' ? 'a function: call it first' : describe(source)
  throw new HubError(
    'INVALID_OPTION',
    `pipe() needs text, an iterable, an async iterable or a web stream, not ${what}.`,
  )
}

function describe(value: unknown): string {
  if (value instanceof Response) return 'a Response: pass its body'
  return typeof value === 'object' ? JSON.stringify(value)?.slice(0, 80) : String(value)
}

function openReader<T>(stream: ReadableStream<T>): OpenSource<T> {
  if (stream.locked) {
    throw new HubError('INVALID_OPTION', 'The web stream given to pipe() is locked: something else reads it.')
  }
  const reader = stream.getReader()
  return {
    next: async () => (await reader.read()) as IteratorResult<T, unknown>,
    cancel: (reason) => void reader.cancel(reason).catch(() => {}),
  }
}

function openIterator<T>(iterator: Iterator<T> | AsyncIterator<T>): OpenSource<T> {
  return {
    next: async () => await iterator.next(),
    async cancel() {
      try {
        await iterator.return?.()
      } catch {
        // The source is given up: how it takes that is its own business.
      }
    },
  }
}
