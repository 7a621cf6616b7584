import { SseError } from '../protocol/errors.ts'
import { createParser } from '../protocol/parse.ts'
import type { ConnectionFailure, ConnectionState } from './connection-state.ts'
import type { ConnectionOptions } from './options.ts'

/** One event as it came over the connection. Doubles as the `MessageEventInit` of its `MessageEvent`. */
export interface ReceivedEvent {
  readonly name: 'event'
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
  /** The last event ID as of the last step taken. */
  lastEventId: string
  /** Aborted once the connection is closed for good. */
  readonly signal: AbortSignal
  close(): void
}

type Outcome = Pick<ConnectionFailure, 'code' | 'message'> & Partial<ConnectionFailure>

/** The longest wait a timer can take; anything more fires at once. */
const MAX_TIMER_MS = 2147483647

/** Checks everything at once; connects when the first step is asked for. */
export function connect(input: string | URL, options: ConnectionOptions | null | undefined): Connection {
  // [Web IDL] First the URL becomes a string, then the options a dictionary: null and undefined are empty ones, and the
  // members are read once each, in alphabetical order.
  const text = `${input}`
  if (options != null && Object(options) !== options) throw new TypeError(`The options are ${options}, not an object`)
  const {
    body,
    fetch,
    headers,
    idleTimeoutMs,
    lastEventId = '',
    maxEventBytes,
    method = body == null ? 'GET' : 'POST',
    onComment,
    reconnectOn = [],
    retry,
    signal,
    withCredentials,
  } = options ?? ({} as ConnectionOptions)
  const {
    backoffMs = 1000,
    maxBackoffMs = 30000,
    maxRetries = Infinity,
    statuses = [408, 425, 429, 500, 502, 503, 504],
    // Without a policy, the standard's. To repeat anything but a GET is for the user to say.
  } = retry || { backoffMs: 0, maxRetries: retry !== false && method === 'GET' ? Infinity : 0, statuses: [] }

  check(/^[^\0\r\n]*$/.test(lastEventId), 'lastEventId', lastEventId, 'one line without NUL')
  for (const [name, value] of Object.entries({ idleTimeoutMs, maxEventBytes, backoffMs, maxBackoffMs, maxRetries }))
    check(value === undefined || (typeof value === 'number' && value >= 0), name, value, 'a number from 0 up')
  for (const [name, value] of Object.entries({ fetch, onComment }))
    check(value === undefined || typeof value === 'function', name, value, 'a function')
  check(Array.isArray(statuses), 'retry.statuses', statuses, 'an array')
  check(!signal || 'aborted' in signal, 'signal', signal, 'an AbortSignal')

  const url = resolve(text)
  // The platform's own checks of method and headers, while there is still someone to throw to.
  new Request(url, {
    method,
    headers: typeof headers === 'function' ? {} : (headers ?? {}),
    body: body == null ? null : '',
  })

  const closing = new AbortController()
  const closed = closing.signal
  const connection: Connection = {
    url,
    withCredentials: !!withCredentials,
    steps: run(),
    lastEventId: `${lastEventId}`,
    signal: closed,
    close: () => closing.abort(),
  }
  let state: ConnectionState['name'] = 'connecting'
  let heardAt = 0
  let interrupt: (outcome?: Outcome) => void = () => {}
  closed.addEventListener('abort', () => interrupt())
  if (signal?.aborted) closing.abort()
  else signal?.addEventListener('abort', connection.close, { signal: closed })

  for (const type of reconnectOn) {
    const target: EventTarget | undefined = type === 'visibilitychange' ? globalThis.document : globalThis
    target?.addEventListener?.(
      type,
      (event) => {
        const isBack =
          type === 'visibilitychange'
            ? document.visibilityState === 'visible' && !(Date.now() - heardAt < idleTimeoutMs!)
            : (event as PageTransitionEvent).persisted !== false
        // While an attempt is under way it is fresh enough.
        if (isBack && state !== 'connecting') interrupt({ code: 'PAGE_RETURNED', message: type })
      },
      { signal: closed },
    )
  }
  return connection

  async function* run(): Connection['steps'] {
    let from = url
    let reconnectionTime = 3000
    let retries = 0
    let id = connection.lastEventId
    let failure: ConnectionFailure | undefined
    let origin = ''
    const received: ReceivedEvent[] = []
    const parser = createParser({
      maxEventBytes,
      onComment: onComment && ((comment) => queueMicrotask(() => onComment(comment))),
      onRetry: (milliseconds) => {
        reconnectionTime = milliseconds
      },
      onId: (value) => {
        id = value
      },
      onEvent: ({ event, data }) => {
        received.push({ name: 'event', type: event || 'message', data, origin, lastEventId: id })
      },
    })

    for (let attempt = 1; !closed.aborted; attempt++) {
      const controller = new AbortController()
      let reader: ReadableStreamDefaultReader<Uint8Array> | undefined
      let timer: ReturnType<typeof setTimeout> | undefined
      let interruption: Outcome | undefined
      let outcome: Outcome
      let retryAfterMs = 0
      let again = /^https?:/.test(from)
      state = 'connecting'
      const interrupted = new Promise<never>((_, reject) => {
        interrupt = (reason) => {
          interruption = reason
          controller.abort()
          reader?.cancel().catch(() => {})
          reject(controller.signal.reason)
        }
      })
      const expectByte = () => {
        heardAt = Date.now()
        if (idleTimeoutMs)
          timer = setTimeout(interrupt, Math.min(idleTimeoutMs, MAX_TIMER_MS), {
            code: 'IDLE_TIMEOUT',
            message: `No byte for ${idleTimeoutMs} ms`,
          })
      }
      const request = async () => {
        if (!again) throw new Error('Only http: and https: can be connected to')
        const context = { attempt, lastEventId: id, signal: controller.signal, previous: failure }
        const sent = new Headers(typeof headers === 'function' ? await headers(context) : headers)
        if (!sent.has('accept')) sent.set('accept', 'text/event-stream')
        if (id) sent.set('last-event-id', String.fromCharCode(...new TextEncoder().encode(id)))
        const init = {
          method,
          headers: sent,
          body: (typeof body === 'function' ? await body(context) : body) ?? null,
          duplex: 'half',
          signal: controller.signal,
          // workerd refuses members it does not know.
          cache: 'cache' in Request.prototype ? 'no-store' : undefined,
          credentials: withCredentials && 'credentials' in Request.prototype ? 'include' : undefined,
        } as RequestInit
        controller.signal.throwIfAborted()
        expectByte()
        const response = await (fetch ?? globalThis.fetch)(from, init)
        // Only a `fetch` that takes no notice of its signal gets here aborted.
        if (controller.signal.aborted) void response.body?.cancel()
        return response
      }

      try {
        const response = await Promise.race([request(), interrupted])
        clearTimeout(timer)
        const { status, headers: answered } = response
        const type = answered.get('content-type')
        reader = response.body?.getReader()
        if (status === 200 && /(^|,)\s*text\/event-stream\s*(;[^,]*)?$/i.test(type ?? '')) {
          origin = new URL(response.url || from).origin
          if ((!headers && !body) || origin === new URL(url).origin) from = response.url || from
          state = 'open'
          yield { name: state, origin }
          parser.reset()
          while (reader) {
            expectByte()
            const { done, value } = await reader.read()
            clearTimeout(timer)
            if (done) break
            retries = 0
            try {
              parser.feed(value)
            } finally {
              for (const event of received.splice(0)) {
                connection.lastEventId = event.lastEventId
                yield event
              }
              connection.lastEventId = id
            }
          }
          outcome = { code: maxRetries ? 'STREAM_ENDED' : 'STREAM_COMPLETE', message: 'The response ended' }
        } else {
          again = statuses.includes(status)
          const after = answered.get('retry-after')!
          retryAfterMs = +after * 1000 || Date.parse(after) - Date.now() || 0
          outcome = {
            code: status === 204 ? 'STREAM_COMPLETE' : status === 200 ? 'UNEXPECTED_CONTENT_TYPE' : 'UNEXPECTED_STATUS',
            message: `The response is ${status} ${type}, not 200 text/event-stream`,
            status,
            headers: answered,
            body: reader && (await excerpt(reader)),
          }
        }
      } catch (cause) {
        const tooLarge = (cause as SseError)?.code === 'EVENT_TOO_LARGE'
        if (tooLarge) again = false
        outcome = {
          code: tooLarge ? 'EVENT_TOO_LARGE' : state === 'open' ? 'CONNECTION_LOST' : 'REQUEST_FAILED',
          message: `${cause} ${(cause as Error)?.cause ?? ''}`,
          cause,
        }
      } finally {
        clearTimeout(timer)
        controller.abort()
      }
      if (closed.aborted) return
      outcome = interruption ?? outcome
      const willRetry = again && retries < maxRetries
      const retryDelayMs =
        willRetry && outcome.code !== 'PAGE_RETURNED'
          ? Math.min(
              MAX_TIMER_MS,
              Math.max(reconnectionTime, retryAfterMs) +
                Math.random() * Math.min(maxBackoffMs, backoffMs * 2 ** Math.min(retries, 30)),
            )
          : 0
      retries++
      failure = {
        status: undefined,
        headers: undefined,
        body: undefined,
        cause: undefined,
        ...outcome,
        willRetry,
        retryDelayMs,
      }
      state = willRetry ? 'waiting' : 'closed'
      yield { name: state, failure }
      if (!willRetry) return
      await new Promise<void>((resolve) => {
        timer = setTimeout(resolve, retryDelayMs)
        interrupt = () => {
          clearTimeout(timer)
          resolve()
        }
      })
    }
  }
}

function check(valid: boolean, name: string, value: unknown, expected: string): void {
  if (!valid) throw new SseError('INVALID_OPTION', `${name} is ${value}. Give ${expected}.`)
}

function resolve(url: string): string {
  try {
    return new URL(url, globalThis.document?.baseURI ?? globalThis.location?.href).href
  } catch {
    throw new DOMException(`${url} is no valid URL`, 'SyntaxError')
  }
}

/** The beginning of a refused response's body, as far as it comes within a second. */
async function excerpt(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<string> {
  const decoder = new TextDecoder()
  const timer = setTimeout(() => reader.cancel(), 1000)
  let text = ''
  try {
    while (text.length < 4096) {
      const { done, value } = await reader.read()
      if (done) break
      text += decoder.decode(value, { stream: true })
    }
  } catch {
    // A body that breaks off has still said what came of it; the status is the news.
  }
  clearTimeout(timer)
  return text.slice(0, 4096)
}
