import { type Connection, connect } from './connection.ts'
import { ConnectionErrorEvent } from './connection-error-event.ts'
import { nextTask } from './next-task.ts'
import type { ConnectionOptions } from './options.ts'

export interface EventSourceOptions extends ConnectionOptions {
  /** Called with every event from the server, whatever its type, after the listeners of that type. */
  onEvent?: ((event: MessageEvent) => void) | undefined
}

interface Handler {
  value: unknown
  handleEvent(event: Event): void
}

type HandlerOf<E extends Event> = { bivariant(this: EventSource, event: E): unknown }['bivariant'] | null

export class EventSource extends EventTarget {
  declare static readonly CONNECTING: 0
  declare static readonly OPEN: 1
  declare static readonly CLOSED: 2
  declare readonly CONNECTING: 0
  declare readonly OPEN: 1
  declare readonly CLOSED: 2

  static {
    for (const target of [EventSource, EventSource.prototype])
      for (const [value, name] of ['CONNECTING', 'OPEN', 'CLOSED'].entries())
        Object.defineProperty(target, name, { value, enumerable: true })
    for (const name of ['url', 'withCredentials', 'readyState', 'onopen', 'onmessage', 'onerror', 'close'])
      Object.defineProperty(EventSource.prototype, name, { enumerable: true })
    Object.defineProperty(EventSource.prototype, Symbol.toStringTag, { value: 'EventSource', configurable: true })
  }

  readonly #connection: Connection
  #isOpen = false
  readonly #handlers: Record<string, Handler> = {}
  readonly #onEvent: ((event: Event) => void) | undefined

  constructor(url: string | URL, options: EventSourceOptions | null = {}) {
    super()
    // biome-ignore lint/complexity/noArguments: `new EventSource()` and `new EventSource(undefined)` differ, and `length` must be 1
    if (arguments.length < 1) throw new TypeError('EventSource needs a URL')
    this.#connection = connect(url, options)
    const onEvent = options?.onEvent
    if (onEvent) this.#onEvent = (event) => onEvent.call(this, event as MessageEvent)
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

  get onopen(): HandlerOf<Event> {
    return this.#getHandler('open') as HandlerOf<Event>
  }
  set onopen(value: HandlerOf<Event>) {
    this.#setHandler('open', value)
  }
  get onmessage(): HandlerOf<MessageEvent> {
    return this.#getHandler('message') as HandlerOf<MessageEvent>
  }
  set onmessage(value: HandlerOf<MessageEvent>) {
    this.#setHandler('message', value)
  }
  get onerror(): HandlerOf<ConnectionErrorEvent> {
    return this.#getHandler('error') as HandlerOf<ConnectionErrorEvent>
  }
  set onerror(value: HandlerOf<ConnectionErrorEvent>) {
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
        event = 'failure' in step ? new ConnectionErrorEvent(step.failure) : new Event('open')
      }
      Reflect.defineProperty(event, 'isTrusted', { value: true })
      const everyType = step.name === 'event' ? this.#onEvent : undefined
      // A listener like any other while the event lasts: the last one, and its errors go where theirs go.
      if (everyType) this.addEventListener(event.type, everyType)
      this.dispatchEvent(event)
      if (everyType) this.removeEventListener(event.type, everyType)
      await nextTask()
    }
  }

  #getHandler(type: string): unknown {
    return this.#handlers[type]?.value ?? null
  }

  #setHandler(type: string, value: unknown): void {
    const handler = this.#handlers[type]
    if (Object(value) !== value) {
      if (handler) this.removeEventListener(type, handler)
      delete this.#handlers[type]
    } else if (handler) handler.value = value
    else {
      this.#handlers[type] = {
        value,
        handleEvent(event) {
          if (typeof this.value === 'function') this.value.call(event.currentTarget, event)
        },
      }
      this.addEventListener(type, this.#handlers[type])
    }
  }
}
