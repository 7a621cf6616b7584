import { onTestFinished } from 'vitest'
import { type ConnectionErrorEvent, EventSource, type EventSourceOptions } from '../../src/client/index.ts'

/** An EventSource for one test, closed when it ends, and everything it dispatched, in order. */
export class EventLog {
  readonly source: EventSource
  readonly lines: string[] = []
  readonly events: Event[] = []
  #waiting: { test: () => boolean; resolve: () => void }[] = []

  constructor(url: string, options?: EventSourceOptions, types: readonly string[] = []) {
    this.source = new EventSource(url, options)
    for (const type of new Set(['open', 'message', 'error', ...types])) this.source.addEventListener(type, this)
    onTestFinished(() => this.source.close())
  }

  handleEvent(event: Event): void {
    this.events.push(event)
    this.lines.push(this.#describe(event))
    for (const { test, resolve } of this.#waiting) if (test()) resolve()
  }

  /** Resolves once so many events were dispatched. */
  async count(number: number): Promise<this> {
    return this.until(() => this.events.length >= number)
  }

  /** Resolves once the connection is closed for good. */
  async closed(): Promise<this> {
    return this.until(() => this.source.readyState === EventSource.CLOSED)
  }

  async until(test: (log: this) => boolean): Promise<this> {
    if (!test(this)) await new Promise<void>((resolve) => this.#waiting.push({ test: () => test(this), resolve }))
    return this
  }

  get errors(): ConnectionErrorEvent[] {
    return this.events.filter((event) => 'willRetry' in event) as ConnectionErrorEvent[]
  }

  get messages(): MessageEvent[] {
    return this.events.filter((event) => event instanceof MessageEvent)
  }

  #describe(event: Event): string {
    const state = this.source.readyState
    return event instanceof MessageEvent
      ? `${event.type} ${event.data} #${event.lastEventId} @${state}`
      : `${event.type} @${state}`
  }
}
