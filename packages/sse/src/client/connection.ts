import { check } from '../protocol/check.ts'
import { unsendable } from '../protocol/header-value.ts'
import { startParser } from '../protocol/parse.ts'
import { CLOSE_EVENT_TYPE, finalIdForm, POSITION_EVENT_TYPE } from '../protocol/signals.ts'
import type { ConnectionFailure, ConnectionState } from './connection-state.ts'
import type { EventSourceOptions, FetchInit, RetryPolicy } from './options.ts'

/** One received event. Doubles as the `MessageEventInit` of its `MessageEvent`. */
export interface ReceivedEvent {
  readonly type: string
  readonly data: string
  readonly origin: string
  readonly lastEventId: string
}

/** A new state, an event, or the call of `onComment` that has its place between events. */
export type Step = ConnectionState | ReceivedEvent | (() => void)

/** The connection behind both `EventSource` and `events()`. */
export interface Connection {
  /** The given URL, made absolute. */
  readonly url: string
  readonly withCredentials: boolean
  /**
   * Everything that happens, in order: a new state, or all that one chunk completed. The connection
   * reads nothing from the socket while the consumer handles these steps: the consumer sets the
   * pace, and with it the pace of the sender.
   */
  readonly steps: AsyncGenerator<Step[], void, void>
  readonly events: EventSourceOptions['events']
  readonly onEvent: EventSourceOptions['onEvent']
  readonly onInvalid: EventSourceOptions['onInvalid']
  /**
   * The last event ID after all events read so far. A consumer that has not handled all of them can
   * set it to how far it got.
   */
  lastEventId: string
  /** [HTML] The last event ID string and the reconnection time, as of what has been read. */
  readonly receivedId: string
  readonly reconnectionTime: number
  /** Aborted when the connection is permanently closed. */
  readonly signal: AbortSignal
  readonly close: () => void
}

type Outcome = Omit<ConnectionFailure, 'willRetry' | 'retryDelayMs' | 'body'> & { body?: string }

/** What a shared connection needs beyond the options. */
export interface ConnectionHooks {
  /** In place of the policy's, until the server sends another. */
  reconnectionTime?: number | undefined
  /** Called with each last event ID that is read, before its event is handed over. */
  onId?: ((id: string) => void) | undefined
}

/** Checks all arguments at once; connects when the consumer asks for the first step. */
export function connect(
  input: string | URL,
  options: EventSourceOptions | null | undefined,
  hooks?: ConnectionHooks,
): Connection {
  // [Web IDL] The URL becomes a string, then the options a dictionary: undefined and null are empty
  // dictionaries, and each member is read once, in alphabetical order.
  const text = `${input}`
  if (options != null && Object(options) !== options) throw new TypeError(`options is ${options}, expected object`)
  const {
    body,
    events,
    fetch,
    headers,
    idleTimeoutMs,
    lastEventId,
    maxEventBytes,
    method = body == null ? 'GET' : 'POST',
    onComment,
    onEvent,
    onInvalid,
    onOpen,
    reconnectOn,
    retry,
    share,
    signal,
    url: urlOf,
    withCredentials,
  } = options ?? ({} as EventSourceOptions)
  check({ retry: retry || undefined }, 'object or false')
  const {
    backoffMs = 1000,
    decide,
    maxBackoffMs = 30000,
    // The longest wait that a timer can take; anything more would be over at once.
    maxReconnectionTimeMs = 2147483647,
    // A stream can be sent only once.
    maxRetries = Object(body).getReader ? 0 : Infinity,
    reconnectionTimeMs = 3000,
    statuses = [408, 425, 429, 500, 502, 503, 504],
    ...unknown
    // Without a policy, the standard's. Only the user can decide to repeat anything but a GET.
  } = (retry || {
    backoffMs: 0,
    maxRetries: (retry ?? /^get$/i.test(method)) ? Infinity : 0,
    statuses: [],
  }) as RetryPolicy
  check(
    {
      idleTimeoutMs,
      maxEventBytes,
      backoffMs,
      maxBackoffMs,
      maxReconnectionTimeMs,
      maxRetries,
      reconnectionTimeMs,
    },
    'number from 0 up',
  )
  check(unknown, 'only members of RetryPolicy')
  check({ decide, fetch, onComment, onEvent, onOpen, reconnectOn, url: urlOf }, 'function')
  check({ share }, 'function of tabs()')
  check({ events: events && (events.receive ?? events) }, 'function of defineEvents()')
  const worthRetrying = new Set(statuses)

  // [HTML, constructor] Parse the URL relative to the settings; if that fails, throw a SyntaxError.
  let url: string
  try {
    url = new URL(text, globalThis.document?.baseURI ?? globalThis.location?.href).href
  } catch {
    throw new DOMException(`${text} is not a URL`, 'SyntaxError')
  }
  let origin: string
  let id = `${lastEventId ?? ''}`
  let reconnectionTime = hooks?.reconnectionTime ?? reconnectionTimeMs
  // Runs the platform's checks of method, headers and last event ID now, while a caller can still
  // receive the error.
  if (globalThis.Request) new Request(url, { method, body: body && '' } as RequestInit)
  sendable(typeof headers === 'function' ? undefined : headers).set('last-event-id', utf8(id))
  if (share) return share(url, options!, connect) as Connection

  const received: Step[] = []
  /** Whether another attempt is worth it: not if the server said that nothing more will come. */
  let again: boolean
  const parser = startParser({
    maxEventBytes,
    onComment: onComment && ((comment) => received.push(() => onComment(comment))),
    // [HTML, field "retry"] As soon as the line is read.
    onRetry: (milliseconds) => {
      reconnectionTime = milliseconds
    },
    // [HTML, dispatch] Set the last event ID, whether or not there is data.
    onId: (value) => {
      id = value
      hooks?.onId?.(id)
    },
    // [HTML, dispatch] An event with the data, the origin of the final URL, the last event ID, and
    // the type, if any.
    onEvent: ({ type, data }) => {
      if (type === CLOSE_EVENT_TYPE) {
        // Its ID contains the one before it, which remains the last.
        again = false
        id = id.replace(finalIdForm, '')
      } else if (type !== POSITION_EVENT_TYPE) {
        received.push({ type: type || 'message', data, origin, lastEventId: id })
      }
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
    events,
    onEvent,
    onInvalid,
    lastEventId: id,
    get receivedId() {
      return id
    },
    get reconnectionTime() {
      return reconnectionTime
    },
    signal: closed,
    close,
  }
  /** When the last byte arrived, or the request was sent. */
  let heardAt: number
  /** Whether an attempt is in progress. */
  let isConnecting: boolean
  /** Ends the current request, response or wait. */
  let interrupt: (code?: 'IDLE_TIMEOUT' | 'RECONNECT') => void = () => {}
  if (signal?.aborted) close()
  signal?.addEventListener('abort', close, { signal: closed })
  reconnectOn?.((silentMs = 0) => {
    // An attempt in progress is fresh enough.
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
      /** What an error means at this point. */
      let code: ConnectionFailure['code'] = 'NETWORK_ERROR'
      again = true
      isConnecting = true

      const abandon = () => {
        clearTimeout(timer)
        controller.abort()
        // For a body that ignores the signal. Any other has nothing left to cancel, and its error
        // does not matter.
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
        const target = await urlOf?.(context)
        const given = typeof headers === 'function' ? await headers(context) : headers
        const content = typeof body === 'function' ? await body(context) : body
        // Whatever is refused before it is sent would be refused each time.
        code = 'INVALID_REQUEST'
        if (target) from = new URL(target, url).href
        // [HTML, process the response] Retrying is futile with another scheme. (The client refuses
        // what fetch reads from a data: URL.)
        again = /^https?:/.test(from) || (!!fetch && from === 'about:event-stream')
        const sent = sendable(given)
        // [HTML, constructor] Accept: text/event-stream.
        if (!sent.has('accept')) sent.set('accept', 'text/event-stream')
        // [HTML, reestablish] If the last event ID is not empty, Last-Event-ID is that, encoded as
        // UTF-8. But an ID that no header can carry would keep every request from being sent.
        if (id && !unsendable.test(id)) sent.set('last-event-id', utf8(id))
        const request = {
          method,
          // A plain object, because a custom fetch may copy it: `{ ...init.headers }`.
          headers: Object.fromEntries(sent),
          body: content,
          // fetch requires this for a body that is a stream.
          duplex: 'half',
          signal: controller.signal,
          // [HTML, constructor] Cache mode no-store. (Older compatibility dates of workerd refuse
          // it.)
          cache: globalThis.Request && !('cache' in Request.prototype) ? undefined : 'no-store',
          // [HTML, constructor] Same-origin, which is what fetch does, unless withCredentials.
          credentials: withCredentials ? 'include' : undefined,
        } as FetchInit
        if (!fetch) new Request(from, request)
        code = 'NETWORK_ERROR'
        expectByte()
        // [HTML, constructor, reestablish] Fetch the request and process the response.
        const response = await (fetch ?? globalThis.fetch)(from, request)
        clearTimeout(timer)
        reader = response.body?.getReader()
        if (closed.aborted) return abandon()
        const { status, headers: answered, url: finalUrl } = response
        const type = answered.get('content-type')
        if (again && status === 200 && isEventStream(`${type}`)) {
          // [Fetch, HTTP-redirect fetch] The request keeps the redirect's target, so a reconnect
          // starts there. But the user's headers and body, and whatever the user's fetch adds, are
          // for the given URL: fetch decides again where a redirect may take them.
          origin = new URL(finalUrl || from).origin
          if (!headers && !body && !fetch) from = finalUrl || from
          // [HTML, announce the connection] OPEN, and an event named open.
          isConnecting = false
          if (onOpen) queueMicrotask(() => onOpen(response))
          yield [{ name: 'open', origin }]
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
              if (received[0]) yield received.splice(0)
              connection.lastEventId = id
            }
            if (!again) break
          }
          // [HTML, process the end of the body] Reestablish the connection.
          const end = parser.isIncomplete() ? 'INCOMPLETE_EVENT' : 'STREAM_COMPLETE'
          outcome ??= { code: !again ? 'STREAM_COMPLETE' : maxRetries ? 'STREAM_ENDED' : end, message: `${from} ended` }
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
          // Reads what arrives within a second. If the body breaks off, the status still says what
          // happened.
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
        const { code: said, cause: reason } = Object(cause)
        const message = `${cause} ${reason?.message || reason?.code || ''}`.trim()
        if (said === 'EVENT_TOO_LARGE') code = said
        else if (refusal.test(`${message} ${reason?.code}`)) code = 'INVALID_REQUEST'
        again &&= code === 'NETWORK_ERROR'
        outcome ??= { code, message, cause }
      }
      abandon()
      if (closed.aborted) return

      // [HTML, reestablish] CONNECTING, an event named error, then wait the reconnection time, and
      // maybe some more. [HTML, fail the connection] CLOSED, an event named error, and no attempt
      // to reconnect.
      let willRetry = again && retries < maxRetries
      let retryDelayMs =
        outcome.code === 'RECONNECT'
          ? 0
          : Math.min(
              2147483647,
              Math.min(maxReconnectionTimeMs, Math.max(reconnectionTime, retryAfterMs)) +
                (Math.random() * Math.min(maxBackoffMs, backoffMs * 2 ** retries) || 0),
            )
      try {
        willRetry = decide?.({ ...outcome, willRetry, retryDelayMs }) ?? willRetry
      } catch (cause) {
        outcome = { ...outcome, cause }
        willRetry = false
      }
      if (!willRetry) retryDelayMs = 0
      retries++
      heardAt = 0
      failure = { ...outcome, willRetry, retryDelayMs }
      isConnecting = false
      // The wait begins before it is reported, so that a listener can cut it short.
      const waited = new Promise<void>((resolve) => {
        if (willRetry) timer = setTimeout(resolve, retryDelayMs)
        interrupt = () => {
          clearTimeout(timer)
          resolve()
        }
      })
      yield [{ name: willRetry ? 'waiting' : 'closed', failure } as ConnectionState]
      if (!willRetry || closed.aborted) return
      await waited
    }
  }
}

/**
 * How the fetch of Node or Deno says that it will not send a request: because of its port, or of a
 * header such as `Expect`. In a browser such a refusal looks like a lost network. The last is a fetch
 * whose bodies are no web streams (`node-fetch`).
 */
const refusal = /bad port|are blocked|_ERR_(INVALID_ARG|NOT_SUP)|getReader/

/** The headers, unless one of them has a value that Node would refuse at each attempt to send it. */
function sendable(init: RequestInit['headers']): Headers {
  const headers = new Headers(init)
  for (const [name, value] of headers)
    if (unsendable.test(value)) throw new TypeError(`Header ${name} has a control character`)
  return headers
}

/** [Fetch, extract a MIME type] The last type counts that is valid and not any/any. */
function isEventStream(contentType: string): boolean {
  const last = contentType
    // [Fetch, get, decode, and split] A comma within quotes does not separate.
    .replace(/"(\\.|[^"])*"?/g, '"')
    .split(',')
    .findLast((type) => /^[\t ]*(?!\*\/\*[\t ]*(;|$))[\w!#-'*+.^`|~-]+\/[\w!#-'*+.^`|~-]+[\t ]*(;|$)/.test(type))
  return /^[\t ]*text\/event-stream[\t ]*(;|$)/i.test(last!)
}

/** The UTF-8 bytes of a text, one character each: the form that fetch expects for a header. */
function utf8(text: string): string {
  try {
    // workerd accepts any text in a header and encodes it itself. Other runtimes refuse characters
    // beyond one byte.
    new Headers({ _: '\u0100' })
    return text
  } catch {
    return unescape(encodeURIComponent(text))
  }
}
