import { startParser } from '../protocol/parse.ts'
import { check } from './check.ts'
import type { ConnectionFailure, ConnectionState } from './connection-state.ts'
import type { EventSourceOptions } from './options.ts'

/** One event as it came over the connection. Doubles as the `MessageEventInit` of its `MessageEvent`. */
export interface ReceivedEvent {
  readonly type: string
  readonly data: string
  readonly origin: string
  readonly lastEventId: string
}

/** What `EventSource` and `events()` are two faces of. */
export interface Connection {
  /** The URL as given, made absolute. */
  readonly url: string
  readonly withCredentials: boolean
  /**
   * Everything that happens, one step at a time. Nothing is read from the socket while the last step taken is still being
   * looked at: whoever takes the steps sets the pace, and with it the pace of the sender.
   */
  readonly steps: AsyncGenerator<ConnectionState | ReceivedEvent, void, void>
  readonly onEvent: EventSourceOptions['onEvent']
  /** The last event ID once every event read is taken; before that, whoever takes them may say how far it got. */
  lastEventId: string
  /** Aborted once the connection is closed for good. */
  readonly signal: AbortSignal
  readonly close: () => void
}

type Outcome = Omit<ConnectionFailure, 'willRetry' | 'retryDelayMs' | 'body'> & { body?: string }

/** Checks everything at once; connects when the first step is asked for. */
export function connect(input: string | URL, options: EventSourceOptions | null | undefined): Connection {
  // [Web IDL] The URL becomes a string, then the options a dictionary: undefined and null are empty ones, and the members
  // are read once each, in alphabetical order.
  const text = `${input}`
  if (options != null && Object(options) !== options) throw new TypeError(`options is ${options}, expected object`)
  const {
    body,
    fetch,
    headers,
    idleTimeoutMs,
    lastEventId,
    maxEventBytes,
    method = body == null ? 'GET' : 'POST',
    onComment,
    onEvent,
    reconnectOn,
    retry,
    signal,
    withCredentials,
  } = options ?? ({} as EventSourceOptions)
  check({ retry: retry || undefined }, 'object or false')
  const {
    backoffMs = 1000,
    maxBackoffMs = 30000,
    maxRetries = Infinity,
    statuses = [408, 425, 429, 500, 502, 503, 504],
    // Without a policy, the standard's. To repeat anything but a GET is for the user to say.
  } = retry || { backoffMs: 0, maxRetries: (retry ?? /^get$/i.test(method)) ? Infinity : 0, statuses: [] }
  check({ idleTimeoutMs, maxEventBytes, backoffMs, maxBackoffMs, maxRetries }, 'number from 0 up')
  check({ fetch, onComment, onEvent, reconnectOn }, 'function')
  const worthRetrying = new Set(statuses)

  // [HTML, constructor] Parse the URL relative to the settings; if that fails, throw a SyntaxError.
  let url: string
  try {
    url = new URL(text, globalThis.document?.baseURI ?? globalThis.location?.href).href
  } catch {
    throw new DOMException(`${text} is no URL`, 'SyntaxError')
  }
  let origin: string
  let id = `${lastEventId ?? ''}`
  let reconnectionTime = 3000
  // The platform's own checks of method, headers and last event ID, while there is still someone to throw to.
  new Request(url, {
    method,
    headers: typeof headers === 'function' ? undefined : headers,
    body: body && '',
  } as RequestInit).headers.set('last-event-id', utf8(id))

  const received: ReceivedEvent[] = []
  const parser = startParser({
    maxEventBytes,
    // A microtask of its own keeps its errors from the parser and gives them to the host.
    onComment: onComment && ((comment) => queueMicrotask(() => onComment(comment))),
    // [HTML, field "retry"] As soon as the line is read.
    onRetry: (milliseconds) => {
      reconnectionTime = milliseconds
    },
    // [HTML, dispatch] Set the last event ID, whether or not there is data.
    onId: (value) => {
      id = value
    },
    // [HTML, dispatch] An event with the data, the origin of the final URL, the last event ID, and the type, if any.
    onEvent: ({ event, data }) => {
      received.push({ type: event || 'message', data, origin, lastEventId: id })
    },
  })

  const closing = new AbortController()
  const closed = closing.signal
  const close = () => {
    closing.abort()
    interrupt()
  }
  const connection: Connection = {
    url,
    withCredentials: !!withCredentials,
    steps: run(),
    onEvent,
    lastEventId: id,
    signal: closed,
    close,
  }
  /** When the last byte came, or the request went out. */
  let heardAt: number
  /** Whether an attempt is under way. */
  let isConnecting: boolean
  /** Ends whatever is going on, be it a request, a response or a wait. */
  let interrupt: (code?: 'IDLE_TIMEOUT' | 'RECONNECT') => void = () => {}
  if (signal?.aborted) close()
  signal?.addEventListener('abort', close, { signal: closed })
  reconnectOn?.((silentMs = 0) => {
    // An attempt that is under way is fresh enough.
    if (!isConnecting && !(Date.now() - heardAt < silentMs)) interrupt('RECONNECT')
  }, closed)
  return connection

  async function* run(): Connection['steps'] {
    let from = url
    let retries = 0
    let failure: ConnectionFailure | undefined

    for (let attempt = 1; !closed.aborted; attempt++) {
      const controller = new AbortController()
      const context = { attempt, lastEventId: id, signal: controller.signal, previous: failure }
      let reader: ReadableStreamDefaultReader<Uint8Array> | undefined
      let timer: ReturnType<typeof setTimeout> | undefined
      let outcome: Outcome | undefined
      let retryAfterMs = 0
      // [HTML, process the response] To try again is futile with another scheme. (What fetch reads from a data: URL is refused.)
      let again = /^https?:/.test(from)
      isConnecting = true

      const abandon = () => {
        clearTimeout(timer)
        controller.abort()
        // For a body that takes no notice of the signal; any other has nothing left to cancel, which is no news.
        reader?.cancel().catch(() => {})
      }
      const expectByte = () => {
        heardAt = Date.now()
        if (idleTimeoutMs) timer = setTimeout(interrupt, Math.min(idleTimeoutMs, 2147483647), 'IDLE_TIMEOUT')
      }
      interrupt = (code) => {
        outcome = code && { code, message: `${code}: dropped ${from}` }
        abandon()
      }

      try {
        const sent = new Headers(typeof headers === 'function' ? await headers(context) : headers)
        // [HTML, constructor] Accept: text/event-stream.
        if (!sent.has('accept')) sent.set('accept', 'text/event-stream')
        // [HTML, reestablish] If the last event ID is not empty, Last-Event-ID is that, encoded as UTF-8.
        if (id) sent.set('last-event-id', utf8(id))
        const request = {
          method,
          headers: sent,
          body: typeof body === 'function' ? await body(context) : body,
          // What fetch asks of a body that is a stream.
          duplex: 'half',
          signal: controller.signal,
          // [HTML, constructor] Cache mode no-store. (Older compatibility dates of workerd refuse it.)
          cache: 'cache' in Request.prototype ? 'no-store' : undefined,
          // [HTML, constructor] Same-origin, which is what fetch does, unless withCredentials.
          credentials: withCredentials ? 'include' : undefined,
        } as RequestInit
        expectByte()
        // [HTML, constructor, reestablish] Fetch the request and process the response.
        const response = await (fetch ?? globalThis.fetch)(from, request)
        clearTimeout(timer)
        reader = response.body?.getReader()
        if (closed.aborted) return abandon()
        const { status, headers: answered, url: finalUrl } = response
        const type = answered.get('content-type')
        // The essence of the type has to be text/event-stream. Of several types, joined by commas, the last counts.
        if (again && status === 200 && /(^|,)\s*text\/event-stream\s*(;[^,]*)?$/i.test(type!)) {
          // [Fetch, HTTP-redirect fetch] The request keeps the URL that it was led to, and so a reconnect starts there. But your
          // headers and body are for the URL you gave: where a redirect takes them then is for fetch to say.
          origin = new URL(finalUrl || from).origin
          if (!headers && !body) from = finalUrl || from
          // [HTML, announce the connection] OPEN, and an event named open.
          isConnecting = false
          yield { name: 'open', origin }
          // [HTML, process the response] Interpret the body line by line.
          parser.reset()
          while (reader) {
            expectByte()
            const { value } = await reader.read()
            clearTimeout(timer)
            if (!value) break
            retries = 0
            try {
              parser.feed(value)
            } finally {
              yield* received.splice(0)
              connection.lastEventId = id
            }
          }
          // [HTML, process the end of the body] Reestablish the connection.
          outcome ??= { code: maxRetries ? 'STREAM_ENDED' : 'STREAM_COMPLETE', message: `${from} ended` }
        } else {
          // [HTML, process the response] Another status or type: fail the connection.
          again = worthRetrying.has(status)
          const after = answered.get('retry-after')!
          retryAfterMs = +after * 1000 || Date.parse(after) - Date.now() || 0
          outcome = {
            code: status === 204 ? 'STREAM_COMPLETE' : 'UNEXPECTED_RESPONSE',
            message: `${from} answered ${status} ${type}, expected 200 text/event-stream`,
            status,
            headers: answered,
            body: '',
          }
          // What comes within a second. If it breaks off, the status is still the news.
          timer = setTimeout(abandon, 1000)
          const decoder = new TextDecoder()
          while (reader && outcome.body!.length < 4096) {
            const { value } = await reader.read()
            if (!value) break
            outcome.body = (outcome.body + decoder.decode(value, { stream: true })).slice(0, 4096)
          }
        }
      } catch (cause) {
        // [HTML, process the response] A network error: reestablish the connection.
        const { code, cause: reason } = Object(cause)
        const isTooLarge = code === 'EVENT_TOO_LARGE'
        if (isTooLarge) again = false
        const message = `${cause} ${reason?.message || reason?.code || ''}`.trim()
        outcome ??= { code: isTooLarge ? code : 'NETWORK_ERROR', message, cause }
      }
      abandon()
      if (closed.aborted) return

      // [HTML, reestablish] CONNECTING, an event named error, then wait the reconnection time, and maybe some more.
      // [HTML, fail the connection] CLOSED, an event named error, and no attempt to reconnect.
      const willRetry = again && retries < maxRetries
      const retryDelayMs =
        willRetry && outcome.code !== 'RECONNECT'
          ? // The longest wait that a timer can take; anything more would be over at once.
            Math.min(
              2147483647,
              Math.max(reconnectionTime, retryAfterMs) +
                (Math.random() * Math.min(maxBackoffMs, backoffMs * 2 ** retries) || 0),
            )
          : 0
      retries++
      heardAt = 0
      failure = { ...outcome, willRetry, retryDelayMs }
      isConnecting = false
      // The wait begins before anybody hears of it, so that whoever does can cut it short.
      const waited = new Promise<void>((resolve) => {
        if (willRetry) timer = setTimeout(resolve, retryDelayMs)
        interrupt = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      yield { name: willRetry ? 'waiting' : 'closed', failure }
      if (!willRetry || closed.aborted) return
      await waited
    }
  }
}

/** The bytes of the text in UTF-8, each a character: the form in which fetch takes a header. */
function utf8(text: string): string {
  try {
    // workerd takes any text in a header, and makes the bytes itself. Elsewhere a character that is no byte is refused.
    new Headers({ _: '\u0100' })
    return text
  } catch {
    return unescape(encodeURIComponent(text))
  }
}
