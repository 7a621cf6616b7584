import { type Connection, connect } from './connection.ts'
import { ConnectionErrorEvent } from './connection-error-event.ts'
import { nextTask } from './next-task.ts'
import type { EventSourceOptions } from './options.ts'

interface Handler {
  value: unknown
  handleEvent(event: Event): void
}

/** `this` of a listener: what ours and the native object have in common, so that one type accepts the other. */
type Self = EventTarget & Pick<EventSource, 'url' | 'withCredentials' | 'close'> & { readonly readyState: number }

/** What a handler attribute takes: a function or null. */
type EventHandler<E extends Event> = ((this: Self, event: E) => unknown) | null

/** What it gives back: loose in its event, or the native object's type would not accept ours. */
// biome-ignore lint/suspicious/noExplicitAny: see above
type AnyHandler = ((this: Self, event: any) => unknown) | null

/** The events that are not the server's own types. */
export interface EventSourceEventMap {
  open: Event
  message: MessageEvent
  error: ConnectionErrorEvent
}

/** The type of `addEventListener` and `removeEventListener`; an event of any type but `open` and `error` is a `MessageEvent`. */
export interface EventSourceListen<Options> {
  <Type extends keyof EventSourceEventMap>(
    type: Type,
    listener: (this: Self, event: EventSourceEventMap[Type]) => unknown,
    options?: Options,
  ): void
  (type: string, listener: (this: Self, event: MessageEvent) => unknown, options?: Options): void
  (type: string, listener: Parameters<EventTarget['addEventListener']>[1], options?: Options): void
}

export class EventSource extends EventTarget {
  declare static readonly CONNECTING: 0
  declare static readonly OPEN: 1
  declare static readonly CLOSED: 2
  declare readonly CONNECTING: 0
  declare readonly OPEN: 1
  declare readonly CLOSED: 2
  declare addEventListener: EventSourceListen<Parameters<EventTarget['addEventListener']>[2]>
  declare removeEventListener: EventSourceListen<Parameters<EventTarget['removeEventListener']>[2]>

  static {
    // As Web IDL lays out an interface: members enumerable, constants read-only and on both the class and its prototype, and
    // names that stay whatever a minifier does.
    const { prototype } = EventSource
    for (const key of Reflect.ownKeys(prototype).slice(1)) Object.defineProperty(prototype, key, { enumerable: true })
    for (const [value, name] of ['CONNECTING', 'OPEN', 'CLOSED'].entries())
      for (const target of [EventSource, prototype]) Object.defineProperty(target, name, { value, enumerable: true })
    for (const [target, key] of [
      [EventSource, 'name'],
      [prototype, Symbol.toStringTag],
    ] as const)
      Object.defineProperty(target, key, { value: 'EventSource', configurable: true })
  }

  readonly #connection: Connection
  #isOpen = false
  /**
   * The event type whose listeners the host is gathering. workerd calls `this['on' + type]` of any event target by itself, and
   * must not find our handler, which is among the listeners already.
   */
  #gathering = ''
  readonly #handlers: Record<string, Handler> = {}
  readonly #onEvent: ((event: Event) => void) | undefined

  constructor(url: string | URL, options: EventSourceOptions | null = {}) {
    super()
    // biome-ignore lint/complexity/noArguments: `new EventSource()` and `new EventSource(undefined)` differ, and `length` must be 1
    if (arguments.length < 1) throw new TypeError('EventSource needs a URL')
    this.#connection = connect(url, options)
    const { onEvent } = this.#connection
    if (onEvent) this.#onEvent = (event) => onEvent.call(this, event as MessageEvent)
    // Before any other listener.
    for (const type of ['open', 'message', 'error'])
      this.addEventListener(type, () => {
        this.#gathering = ''
      })
    void this.#run()
  }

  get url(): string {
    return this.#connection.url
  }

  get withCredentials(): boolean {
    return this.#connection.withCredentials
  }

  get readyState(): 0 | 1 | 2 {
    return this.#connection.signal.aborted ? 2 : this.#isOpen ? 1 : 0
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

  close(): void {
    this.#connection.close()
  }

  async #run(): Promise<void> {
    await undefined
    for await (const step of this.#connection.steps) {
      if (this.readyState === 2) return
      let event: Event
      if (step.name === 'event') event = new MessageEvent(step.type, step)
      else {
        this.#isOpen = step.name === 'open'
        if (step.name === 'closed') this.close()
        event = 'failure' in step ? new ConnectionErrorEvent(step.failure!) : new Event('open')
      }
      Reflect.defineProperty(event, 'isTrusted', { value: true })
      const everyType = step.name === 'event' ? this.#onEvent : undefined
      // A listener like any other while the event lasts: the last one, and its errors go where theirs go.
      if (everyType) this.addEventListener(event.type, everyType)
      this.#gathering = event.type
      try {
        this.dispatchEvent(event)
      } catch (error) {
        // Only workerd before `spec_compliant_dispatch_exceptions` lets a listener's error through.
        reportError(error)
      }
      if (everyType) this.removeEventListener(event.type, everyType)
      await nextTask()
    }
  }

  #getHandler(type: string): AnyHandler {
    return type === this.#gathering ? null : ((this.#handlers[type]?.value as AnyHandler) ?? null)
  }

  #setHandler(type: string, value: unknown): void {
    const handler = this.#handlers[type]
    if (Object(value) !== value) {
      if (handler) this.removeEventListener(type, handler)
      delete this.#handlers[type]
    } else if (handler) handler.value = value
    else {
      const added: Handler = {
        value,
        handleEvent: (event) => {
          if (typeof added.value === 'function') added.value.call(this, event)
        },
      }
      this.#handlers[type] = added
      this.addEventListener(type, added)
    }
  }
}
