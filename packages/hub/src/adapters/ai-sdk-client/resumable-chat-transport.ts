import { type ChatTransport, DefaultChatTransport, type UIMessage, type UIMessageChunk } from 'ai'
import { type Progress, watchProgress } from './progress.ts'

type DefaultOptions<M extends UIMessage> = NonNullable<ConstructorParameters<typeof DefaultChatTransport<M>>[0]>

export type ResumableChatTransportOptions<M extends UIMessage> = Omit<DefaultOptions<M>, 'resumeStreamIsReplay'> & {
  /**
   * How long to wait before a broken response is resumed, in milliseconds. Doubles with each attempt in a row, up
   * to 10,000, less a random part. Default 500.
   */
  retryMs?: number
  /** How many attempts in a row may fail before `useChat` gets the error. Default 10. */
  maxAttempts?: number
}

type Chunks = ReadableStream<UIMessageChunk>
type SendOptions<M extends UIMessage> = Parameters<ChatTransport<M>['sendMessages']>[0]
type ReconnectOptions<M extends UIMessage> = Parameters<ChatTransport<M>['reconnectToStream']>[0]

const maxRetryMs = 10_000
const lastEventIdHeader = 'last-event-id'

/**
 * A `DefaultChatTransport` whose streams survive a broken connection: it asks for what follows the last chunk that
 * it got, and `useChat` does not notice. Needs a server that answers with `sendUIMessageStream` and
 * `resumeUIMessageStream` of `headwater/ai-sdk`. After a reload of the page, `resume: true` gets the whole
 * message, as it does from other transports.
 */
export class ResumableChatTransport<M extends UIMessage = UIMessage> extends DefaultChatTransport<M> {
  readonly #progressOf = new WeakMap<Chunks, Progress>()
  readonly #retryMs: number
  readonly #maxAttempts: number

  constructor({ retryMs = 500, maxAttempts = 10, ...options }: ResumableChatTransportOptions<M> = {}) {
    super({ ...options, ...keepingLastEventId(options) })
    this.#retryMs = assertNumber('retryMs', retryMs)
    this.#maxAttempts = assertNumber('maxAttempts', maxAttempts)
  }

  override async sendMessages(options: SendOptions<M>): Promise<Chunks> {
    const { chatId, abortSignal, headers, body, metadata } = options
    const chunks = await super.sendMessages(options)
    return this.#resuming(chunks, { chatId, ...defined({ abortSignal, headers, body, metadata }) })
  }

  override async reconnectToStream(options: ReconnectOptions<M>): Promise<Chunks | null> {
    const chunks = await super.reconnectToStream(options)
    return chunks && this.#resuming(chunks, options)
  }

  /**
   * Stops the message that a chat's model is writing, for all readers, by `DELETE` of the URL from which `useChat`
   * resumes. The `stop()` of `useChat` stops only its own reading. Rejects as `reconnectToStream` does.
   */
  async stopStream(options: Omit<ReconnectOptions<M>, 'abortSignal'>): Promise<void> {
    const { api, credentials, headers, body, prepareReconnectToStreamRequest } = this
    const send = this.fetch ?? globalThis.fetch
    const stopping = new DefaultChatTransport<M>({
      api,
      ...defined({ credentials, headers, body, prepareReconnectToStreamRequest }),
      fetch: (url, init) => send(url, { ...init, method: 'DELETE' }),
    })
    const answer = await stopping.reconnectToStream(options)
    await answer?.cancel()
  }

  protected override processResponseStream(response: ReadableStream<Uint8Array<ArrayBufferLike>>): Chunks {
    const { progress, bytes } = watchProgress(response)
    const chunks = super.processResponseStream(bytes)
    this.#progressOf.set(chunks, progress)
    return chunks
  }

  /** The chunks of a response, then those of the ones that resume it, until the stream is complete. */
  #resuming(first: Chunks, request: ReconnectOptions<M>): Chunks {
    const left = new AbortController()
    const { abortSignal } = request
    const signal = abortSignal ? AbortSignal.any([abortSignal, left.signal]) : left.signal
    let chunks = first
    let reader = first.getReader()
    let lastEventId = ''
    let attempts = 0
    return new ReadableStream<UIMessageChunk>({
      pull: async (controller) => {
        for (;;) {
          const { value, done } = await reader.read()
          if (!done) {
            attempts = 0
            return controller.enqueue(value)
          }
          const { failure, hasEvents, isDone, lastEventId: newest } = this.#progressOf.get(chunks)!
          lastEventId = newest || lastEventId
          signal.throwIfAborted()
          // Of a server that sends no IDs: nothing says where to go on.
          const isOthers = lastEventId === '' && (hasEvents || failure === undefined)
          if (isOthers && failure !== undefined) throw failure
          if (isDone || isOthers) return controller.close()
          chunks = await this.#resume(lastEventId, { ...request, abortSignal: signal }, () => attempts++)
          reader = chunks.getReader()
        }
      },
      cancel(reason) {
        left.abort(reason)
        return reader.cancel(reason)
      },
    })
  }

  /** Asks for what follows an ID, until there is an answer. */
  async #resume(
    lastEventId: string,
    request: ReconnectOptions<M> & { abortSignal: AbortSignal },
    nextAttempt: () => number,
  ): Promise<Chunks> {
    const { abortSignal } = request
    const headers = new Headers(request.headers)
    if (lastEventId !== '') headers.set(lastEventIdHeader, lastEventId)
    for (;;) {
      const attempt = nextAttempt()
      await delay(Math.min(maxRetryMs, this.#retryMs * 2 ** attempt) * (1 - Math.random() / 2), abortSignal)
      try {
        const chunks = await super.reconnectToStream({ ...request, headers })
        if (chunks) return chunks
        throw new Error('The connection broke, and the server has no stream to resume: it answered 204.')
      } catch (error) {
        abortSignal.throwIfAborted()
        if (!isPassing(error) || attempt + 1 >= this.#maxAttempts) throw error
      }
    }
  }
}

/** Headers that the application prepares replace all others, and the last event ID must stay. */
function keepingLastEventId<M extends UIMessage>({
  prepareReconnectToStreamRequest: prepare,
}: DefaultOptions<M>): Pick<DefaultOptions<M>, 'prepareReconnectToStreamRequest'> {
  if (!prepare) return {}
  return {
    async prepareReconnectToStreamRequest(request) {
      const prepared = await prepare(request)
      const lastEventId = new Headers(request.headers).get(lastEventIdHeader)
      if (prepared.headers === undefined || lastEventId === null) return prepared
      const headers = new Headers(prepared.headers)
      headers.set(lastEventIdHeader, lastEventId)
      return { ...prepared, headers }
    },
  }
}

/** A network that failed, or a server that is busy or being restarted. */
function isPassing(error: unknown): boolean {
  if (error instanceof TypeError) return true
  const status = (error as { statusCode?: unknown } | null)?.statusCode
  return typeof status === 'number' && (status >= 500 || status === 408 || status === 429)
}

function delay(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const leave = () => {
      clearTimeout(timer)
      reject(signal.reason)
    }
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', leave)
      resolve()
    }, milliseconds)
    if (signal.aborted) leave()
    else signal.addEventListener('abort', leave, { once: true })
  })
}

function assertNumber(name: string, value: unknown): number {
  if (typeof value === 'number' && value >= 0) return value
  throw new TypeError(`${name} is ${String(value)}: it must be a number, 0 or more.`)
}

/** The AI SDK's types know no `undefined` where an option is left out. */
function defined<T extends object>(options: T): { [Name in keyof T]?: Exclude<T[Name], undefined> } {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as never
}
