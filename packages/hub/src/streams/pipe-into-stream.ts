import { HubError } from '../base/errors.ts'
import type { OpenSource } from './pipe-source.ts'
import type { StreamWriter } from './stream-writer.ts'

/** An item of a source as an event of a stream. */
export interface StreamItem {
  /** Text is stored as it is, anything else as JSON. */
  readonly data: unknown
  /** The event type. Default: none. */
  readonly type?: string | undefined
}

export interface StreamPipeOptions<T = unknown> {
  /**
   * Converts each item to an event. `undefined` leaves it out. Default: text is the data of one event,
   * bytes are UTF-8 text, and anything else is JSON.
   */
  readonly toEvent?: ((item: T) => StreamItem | undefined) | undefined
  /** Leaves the stream open when the source has ended. Default: false. */
  readonly keepOpen?: boolean | undefined
  /**
   * Why the stream failed, for its readers, if the source fails. Default: `The source failed.`, as the
   * error may contain what readers must not know.
   */
  readonly reasonOf?: ((error: unknown) => string) | undefined
}

/** How a pipe ended. */
export type StreamPipeResult =
  /** The source ended, and all of it is stored. */
  | { readonly outcome: 'completed' }
  /** The source or `toEvent` threw `error`: the stream has failed. */
  | { readonly outcome: 'failed'; readonly error: unknown }
  /** The stream was stopped, lost or taken over, or could not be stored. The source was cancelled. */
  | { readonly outcome: 'interrupted'; readonly error: HubError }

/** The most that a pipe reads ahead of what is stored. */
const aheadBytes = 256 * 1024
const aheadEvents = 1000

/** What a pipe needs of the stream that it fills. */
export interface PipeTarget {
  readonly writer: StreamWriter
  write(data: unknown, type: string | undefined): Promise<unknown>
}

/** Writes everything that a source yields. Never rejects. */
export async function pipeIntoStream<T>(
  source: OpenSource<T>,
  { writer, write }: PipeTarget,
  { toEvent }: StreamPipeOptions<T>,
): Promise<StreamPipeResult> {
  const { signal } = writer
  const decoder = new TextDecoder('utf-8', { fatal: true })
  /** The first half of a line break (CRLF) or of a character, perhaps: pieces end anywhere. */
  let half = ''
  let refusal: unknown
  let stored: Promise<unknown> = Promise.resolve()
  const put = async (item: StreamItem | undefined) => {
    if (!item) return
    stored = write(item.data, item.type)
    stored.catch((error: unknown) => {
      refusal ??= error
    })
    if (writer.waitingBytes > aheadBytes || writer.waitingCount > aheadEvents) await stored
  }
  const toItem = (item: T): StreamItem | undefined => {
    if (toEvent) return toEvent(item)
    if (typeof item === 'string') return toText(item)
    return item instanceof Uint8Array ? toText(decoder.decode(item, { stream: true })) : { data: item }
  }
  const toText = (piece: string): StreamItem | undefined => {
    let text = half + piece
    half = ''
    if (/[\r\ud800-\udbff]$/.test(text)) {
      half = text.at(-1)!
      text = text.slice(0, -1)
    }
    return text === '' ? undefined : { data: text }
  }
  try {
    for (;;) {
      const next = await orAborted(source.next(), signal)
      if (next === undefined) {
        source.cancel(signal.reason)
        return { outcome: 'interrupted', error: signal.reason as HubError }
      }
      if (refusal !== undefined) throw refusal
      if (next.done) break
      await put(toItem(next.value))
    }
    const rest = half + decoder.decode()
    if (rest !== '') await put({ data: rest })
    await stored
    if (refusal !== undefined) throw refusal
    return { outcome: 'completed' }
  } catch (error) {
    source.cancel(error)
    if (error instanceof TypeError && (error as { code?: string }).code === 'ERR_ENCODING_INVALID_ENCODED_DATA') {
      return {
        outcome: 'failed',
        error: new HubError('INVALID_DATA', 'The bytes are not valid UTF-8.', { cause: error }),
      }
    }
    if (signal.aborted) return { outcome: 'interrupted', error: signal.reason as HubError }
    return { outcome: 'failed', error }
  }
}

/** Resolves to `undefined` when the signal aborts first. */
async function orAborted<T>(work: Promise<T>, signal: AbortSignal): Promise<T | undefined> {
  if (signal.aborted) {
    work.catch(() => {})
    return undefined
  }
  let leave = () => {}
  const aborted = new Promise<undefined>((resolve) => {
    leave = () => resolve(undefined)
    signal.addEventListener('abort', leave, { once: true })
  })
  try {
    return await Promise.race([work, aborted])
  } finally {
    signal.removeEventListener('abort', leave)
  }
}
