import { type Connection, connect, type Step } from './connection.ts'
import { ConnectionErrorEvent } from './connection-error-event.ts'
import { queueTask } from './next-task.ts'
import type { EventSourceOptions } from './options.ts'

/** The value of a handler attribute, and the listener that calls it. */
interface Handler {
  value: unknown
  listener(event: Event): void
}

/**
 * `this` of a listener: the common part of ours and the native object, so that one type accepts the
 * other.
 */
type Self = EventTarget & Pick<EventSource, 'url' | 'withCredentials' | 'close'> & { readonly readyState: number }

/** The value of a handler attribute: a function or null. */
type EventHandler<E extends Event> = ((this: Self, event: E) => unknown) | null

/**
 * The value that a handler attribute returns. Its event type is loose, or the native object's type
 * would not accept ours.
 */
// biome-ignore lint/suspicious/noExplicitAny: see above
type AnyHandler = ((this: Self, event: any) => unknown) | null

// `events()` needs none, and is to be had where there is none.
const Base = (globalThis.EventTarget ?? Object) as typeof EventTarget

/** The events that are not of the server's types. */
export interface EventSourceEventMap {
  open: Event
  message: MessageEvent
  error: ConnectionErrorEvent
}

/**
 * The type of `addEventListener` and `removeEventListener`; an event of any type but `open` and
 * `error` is a `MessageEvent`.
 */
export interface EventSourceListen<Options, M extends object = object> {
  <Type extends Exclude<keyof M & string, 'open' | 'error'>>(
    type: Type,
    listener: (this: Self, event: Omit<MessageEvent, 'data'> & { readonly data: M[Type] }) => unknown,
    options?: Options,
  ): void
  <Type extends keyof EventSourceEventMap>(
    type: Type,
    listener: (this: Self, event: EventSourceEventMap[Type]) => unknown,
    options?: Options,
  ): void
  (type: string, listener: (this: Self, event: MessageEvent) => unknown, options?: Options): void
  (type: string, listener: Parameters<EventTarget['addEventListener']>[1], options?: Options): void
}

/** What `EventSource.fromReadableStream()` returns. */
export interface StreamEventSource extends EventSource {
  /**
   * The last event ID of what has been read, which may be ahead of what has been dispatched: to
   * resume after an event, save that event's.
   */
  readonly lastEventId: string
  /** The reconnection time in milliseconds. The application reconnects, if it wants to. */
  readonly reconnectionTime: number
}

/**
 * The `EventSource` of the standard, wherever there is `fetch`: Node, Bun, Deno, workerd, pages and
 * workers. Without options it does exactly what the [HTML standard,
 * 9.2](https://html.spec.whatwg.org/multipage/server-sent-events.html) says. To use it everywhere,
 * set `globalThis.EventSource = EventSource`.
 *
 * Its `error` events say what happened and whether another attempt follows: see
 * {@link ConnectionErrorEvent}.
 *
 * In a browser it has to use `fetch`, which causes these differences:
 * - A CORS refusal looks like a lost network, so it retries without end where the native object
 *   gives up.
 * - `Last-Event-ID` set by a script causes a preflight (`OPTIONS`) request at a reconnect to
 *   another origin, which the server must answer with
 *   `Access-Control-Allow-Headers: Last-Event-ID`. So does every header of your own.
 * - After a redirect that ends in a failure, the next attempt starts from the last URL that opened.
 * - Firefox reports a response only when its body begins: let the server send a comment at once.
 * - WebKitGTK sends each byte of a header as a character in UTF-8, so an ID beyond ASCII arrives
 *   encoded twice.
 * - Its events have `isTrusted` false.
 *
 * `fetch` refuses a URL with a user name and password: send an `Authorization` header instead.
 * Node's `fetch` ends a response that is silent for 5 minutes, which counts as a lost connection.
 *
 * @throws {TypeError} without a URL, if options are not an object, or for headers, a method or
 * a URL that no request can have.
 * @throws {DOMException} `SyntaxError` for a URL that does not parse, or a relative one without a
 * base URL.
 * @throws {SseError} `INVALID_OPTION` for an option out of range.
 */
export class EventSource<M extends object = object> extends Base {
  declare static readonly CONNECTING: 0
  declare static readonly OPEN: 1
  declare static readonly CLOSED: 2
  declare readonly CONNECTING: 0
  declare readonly OPEN: 1
  declare readonly CLOSED: 2
  declare addEventListener: EventSourceListen<Parameters<EventTarget['addEventListener']>[2], M>
  declare removeEventListener: EventSourceListen<Parameters<EventTarget['removeEventListener']>[2], M>

  /**
   * An `EventSource` of a stream that the application has opened itself, as [proposed for the
   * standard](https://github.com/whatwg/html/pull/12272). Its URL is `about:event-stream`. It does
   * not reconnect: the end of the stream is an `error` event, and CLOSED.
   *
   * @throws {TypeError} unless it is a stream that nobody reads yet.
   */
  static fromReadableStream(stream: ReadableStream<Uint8Array>): StreamEventSource {
    const reader = stream.getReader()
    const headers = new Headers({ 'content-type': 'text/event-stream' })
    const response = { status: 200, headers, body: { getReader: () => reader } } as Response
    const source = new EventSource('about:event-stream', { fetch: async () => response, retry: false })
    // Not on the prototype, where the standard has none as yet.
    return Object.defineProperties(source as StreamEventSource, {
      lastEventId: { get: () => source.#connection.receivedId, enumerable: true },
      reconnectionTime: { get: () => source.#connection.reconnectionTime, enumerable: true },
    })
  }

  readonly #connection: Connection
  #readyState: 0 | 1 = 0
  /**
   * The event type whose listeners the host is collecting. workerd itself calls `this['on' + type]`
   * of any event target, and must not find our handler, which is already among the listeners.
   */
  #gathering = ''
  readonly #handlers: Record<string, Handler> = {}

  constructor(url: string | URL, options: EventSourceOptions<M> | null = {}) {
    super()
    // biome-ignore lint/complexity/noArguments: `new EventSource()` and `new EventSource(undefined)` differ, and `length` must be 1
    if (arguments.length < 1) throw new TypeError('No URL')
    this.#connection = connect(url, options)
    // Registered before any other listener.
    for (const type of ['open', 'message', 'error']) {
      this.addEventListener(type, () => {
        this.#gathering = ''
      })
      const handler: Handler = {
        value: null,
        // A function: calling an object with `handleEvent` takes Node five times as long.
        listener: (event) => {
          if (typeof handler.value === 'function') handler.value.call(this, event)
        },
      }
      this.#handlers[type] = handler
    }
    void this.#run()
  }

  /** The given URL, made absolute. A redirect does not change it. */
  get url(): string {
    return this.#connection.url
  }

  get withCredentials(): boolean {
    return this.#connection.withCredentials
  }

  /** CONNECTING (0), also while waiting to reconnect; OPEN (1); CLOSED (2), permanently. */
  get readyState(): 0 | 1 | 2 {
    return this.#connection.signal.aborted ? 2 : this.#readyState
  }

  get onopen(): AnyHandler {
    return this.#getHandler('open')
  }
  set onopen(value: EventHandler<Event>) {
    this.#setHandler('open', value)
  }
  get onmessage(): AnyHandler {
    return this.#getHandler('message')
  }
  set onmessage(value: EventHandler<MessageEvent>) {
    this.#setHandler('message', value)
  }
  get onerror(): AnyHandler {
    return this.#getHandler('error')
  }
  set onerror(value: EventHandler<ConnectionErrorEvent>) {
    this.#setHandler('error', value)
  }

  /** Ends the connection. Dispatches no more events. */
  close(): void {
    this.#connection.close()
  }

  async #run(): Promise<void> {
    // A failure without network also gets its own task.
    await new Promise<void>(queueTask)
    for await (const steps of this.#connection.steps) await new Promise<void>((done) => this.#queue(steps, done))
  }

  /** Queues a task for each step at once, which costs Node a fraction of one turn of its loop each. */
  #queue(steps: readonly Step[], done: () => void): void {
    let next = 0
    let isSettled = true
    const task = () => {
      // After an uncaught exception that the process survives, Node 20 runs the next task before
      // the promises that the last one left.
      if (!isSettled) return queueTask(task)
      isSettled = false
      this.#dispatch(steps[next++]!)
      queueMicrotask(() => {
        isSettled = true
      })
      if (next === steps.length) queueTask(done)
    }
    for (const _ of steps) queueTask(task)
  }

  /**
   * [HTML, dispatch, announce, reestablish, fail] Each in its own task, and only if not CLOSED by
   * then.
   */
  #dispatch(received: Step): void {
    if (this.readyState === 2) return
    if (typeof received === 'function') {
      queueMicrotask(received)
      return
    }
    const { events, onEvent, onInvalid } = this.#connection
    const step = events && 'data' in received ? events.receive(received, onInvalid) : received
    // Skipped, because it is not what `events` says.
    if (!step) return
    let event: Event
    if ('data' in step) event = new MessageEvent(step.type, step)
    else {
      this.#readyState = step.name === 'open' ? 1 : 0
      if (step.name === 'closed') this.close()
      event = 'failure' in step ? new ConnectionErrorEvent(step.failure!) : new Event('open')
    }
    Reflect.defineProperty(event, 'isTrusted', { value: true })
    this.#gathering = event.type
    try {
      this.dispatchEvent(event)
    } catch (error) {
      // Only workerd before `spec_compliant_dispatch_exceptions` lets a listener's error escape.
      reportError(error)
    }
    // Right after the listeners, and apart from them: its errors go to the host, like theirs.
    if (onEvent && 'data' in step) queueMicrotask(() => onEvent(event as MessageEvent))
  }

  #getHandler(type: string): AnyHandler {
    return type === this.#gathering ? null : (this.#handlers[type]!.value as AnyHandler)
  }

  #setHandler(type: string, value: unknown): void {
    const handler = this.#handlers[type]!
    handler.value = Object(value) === value ? value : null
    // A listener that was added before keeps its place.
    if (handler.value) this.addEventListener(type, handler.listener)
    else this.removeEventListener(type, handler.listener)
  }
}

// The layout of a Web IDL interface: enumerable members, read-only constants on both the class and its
// prototype, and names that survive a minifier. Not in a static block: React Native's Babel preset does
// not compile one, except for its newest Hermes.
const { defineProperty } = Object
const { prototype } = EventSource
for (const key of Reflect.ownKeys(prototype).slice(1)) defineProperty(prototype, key, { enumerable: true })
for (const target of [EventSource, prototype])
  for (const [value, name] of ['CONNECTING', 'OPEN', 'CLOSED'].entries())
    defineProperty(target, name, { value, enumerable: true })
defineProperty(EventSource, 'fromReadableStream', { enumerable: true })
defineProperty(prototype, Symbol.toStringTag, { value: 'EventSource', configurable: true })
defineProperty(EventSource, 'name', { value: 'EventSource' })
