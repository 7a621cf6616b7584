import type * as client from '@headwater/sse/client'
import type { Runtime } from './conformance-case.ts'
import type { Orders, Origins, RecordedRequest, Script, ScriptedResponse } from './script.ts'

/** What the runtime gives to a trial beside the EventSource under test. */
export interface Host {
  runtime: Runtime
  EventSource: typeof EventSource
  ours: typeof client
  origins: Origins
  /** The errors that have reached the host's error reporting so far, as text, and a way to hear of the next. */
  uncaught: UncaughtErrors
}

/** What a case works with: the implementation under test, servers to script, and assertions that name what they see. */
export class Trial {
  readonly runtime: Runtime
  readonly EventSource: typeof EventSource
  /** For the cases of our superset. */
  readonly ours: typeof client
  readonly origins: Origins
  readonly #uncaught: UncaughtErrors
  readonly #watched: Watched[] = []
  readonly #cleanUp: (() => unknown)[] = []

  constructor(host: Host) {
    this.runtime = host.runtime
    this.EventSource = host.EventSource
    this.ours = host.ours
    this.origins = host.origins
    this.#uncaught = host.uncaught
  }

  /** Scripts the servers: the nth request is answered by the nth response, and from then on by 204. */
  async serve(...responses: ScriptedResponse[]): Promise<Served> {
    return this.serveScript({ responses })
  }

  async serveScript(script: Script): Promise<Served> {
    const { token } = await order(this.origins, 'script', { script })
    // A client that leaves a connection open must not keep the next case from having one.
    this.atEnd(() => order(this.origins, 'forget', { token }))
    return new Served(this.origins, token)
  }

  /** Opens an EventSource that is closed when the case ends, and keeps what it dispatches, in order. */
  watch(url: string | URL, { types = [], prepare, ...init }: WatchInit = {}): Watched {
    const source = Object.keys(init).length === 0 ? new this.EventSource(url) : new this.EventSource(url, init)
    this.atEnd(() => source.close())
    prepare?.(source)
    const watched = new Watched(source, types)
    this.#watched.push(watched)
    return watched
  }

  /** What a case that ran out of time was waiting for. */
  stillWaiting(): string {
    const waits = this.#watched.flatMap(({ waitingFor, seen }) =>
      waitingFor === undefined
        ? []
        : [`${JSON.stringify(waitingFor)} did not come after ${show(seen.map(describeSeen))}`],
    )
    return waits.length === 0 ? 'the case did not end in time' : waits.join('; ')
  }

  /**
   * Waits until another source, told to reconnect after 1 ms, has reconnected so many times. It lets a case say
   * "meanwhile nothing happened" without measuring time.
   */
  async whileAnotherReconnects(times = 2): Promise<void> {
    const ended: ScriptedResponse = {
      headers: crossOrigin,
      body: [{ write: 'retry: 1\n\n' }, { finish: 'end' }],
    }
    const served = await this.serve(...Array.from({ length: times + 1 }, () => ended))
    const source = new this.EventSource(served.crossUrl)
    this.atEnd(() => source.close())
    await served.requested(times + 1)
    source.close()
  }

  /** Has an origin served by a process of its own from now on. For cases that run alone. */
  async startServer(origin: 'same' | 'cross'): Promise<void> {
    await order(this.origins, 'startProcess', { origin })
  }

  /** Kills that process: its connections are reset, and its port refuses until it is started again. */
  async killServer(origin: 'same' | 'cross'): Promise<void> {
    await order(this.origins, 'killProcess', { origin })
  }

  /** The first error whose text contains `part` that reached the host's error reporting. */
  uncaughtError(part: string): Promise<string> {
    return this.#uncaught.including(part)
  }

  /** Actions are run, and waited for, when the case has ended, whether it passed or not. */
  atEnd(action: () => unknown): void {
    this.#cleanUp.push(action)
  }

  async end(): Promise<void> {
    for (const action of this.#cleanUp.splice(0)) await action()
  }

  equal<Value>(actual: Value, expected: Value, what: string): void {
    if (!Object.is(actual, expected)) fail(what, actual, expected)
  }

  deepEqual<Value>(actual: Value, expected: Value, what: string): void {
    if (show(actual) !== show(expected)) fail(what, actual, expected)
  }

  /** Whether `action` throws a `name`: `'TypeError'`, or a DOMException called `'SyntaxError'`. */
  throws(action: () => unknown, name: string, what: string): void {
    let thrown: unknown = 'nothing'
    try {
      action()
    } catch (error) {
      thrown = error instanceof Error || error instanceof DOMException ? error.name : error
    }
    if (thrown !== name) fail(`${what} throws`, thrown, name)
  }
}

export type WatchInit = EventSourceInit & {
  /** The named events to keep beside `open`, `message` and `error`. */
  types?: string[]
  /** Adds listeners of the case's own, which are called before what is seen is kept. */
  prepare?: (source: EventSource) => void
}

export const eventStream: [string, string] = ['content-type', 'text/event-stream']
/** The headers of a stream that any origin may read, without credentials. */
export const crossOrigin: [string, string][] = [eventStream, ['access-control-allow-origin', '*']]

/** A script on the servers, seen from a case. */
export class Served {
  readonly token: string
  readonly #origins: Origins

  constructor(origins: Origins, token: string) {
    this.#origins = origins
    this.token = token
  }

  /** The script on the page's own origin. */
  get url(): string {
    return `${this.#origins.same}/s/${this.token}/stream`
  }

  /** The same script on another origin of the same site. */
  get crossUrl(): string {
    return `${this.#origins.cross}/s/${this.token}/stream`
  }

  /** Waits until so many requests have come; gives all of them but the preflights. */
  async requested(atLeast: number): Promise<RecordedRequest[]> {
    return (await this.allRequests(atLeast)).filter(({ method }) => method !== 'OPTIONS')
  }

  /** The same with the preflights. */
  allRequests(atLeast = 0): Promise<RecordedRequest[]> {
    return order(this.#origins, 'requests', { token: this.token, atLeast })
  }

  /** Waits until the client has closed the connection of the nth request, from 0. */
  async left(nth: number): Promise<void> {
    await order(this.#origins, 'left', { token: this.token, nth })
  }

  async signal(name: string): Promise<void> {
    await order(this.#origins, 'signal', { token: this.token, name })
  }
}

/** One dispatched event, as it was while it was dispatched. */
export interface Seen {
  type: string
  /** The source's readyState inside the listener. */
  readyState: number
  /** Undefined where the event is not a MessageEvent. */
  data: unknown
  lastEventId: string | undefined
  origin: string | undefined
  event: Event
}

/** An EventSource and everything it has dispatched so far. */
export class Watched {
  readonly source: EventSource
  /** All that was seen, in order, whether a case has asked for it or not. */
  readonly seen: Seen[] = []
  #taken = 0
  #wake: (() => void) | undefined

  constructor(source: EventSource, types: string[]) {
    this.source = source
    for (const type of new Set(['open', 'message', 'error', ...types])) {
      source.addEventListener(type, (event) => this.#see(event))
    }
  }

  get readyState(): number {
    return this.source.readyState
  }

  /** The next event, which must be of this type. */
  async next(type: string): Promise<Seen> {
    const seen = await this.#take(type)
    if (seen.type !== type) {
      throw new ConformanceFailure(`next event: expected ${JSON.stringify(type)}, got ${describeSeen(seen)}`)
    }
    return seen
  }

  /** Skips to the next event of this type; `check` sees the ones it skips. */
  async nextAfterOthers(type: string, check?: (skipped: Seen) => void): Promise<Seen> {
    for (;;) {
      const seen = await this.#take(type)
      if (seen.type === type) return seen
      check?.(seen)
    }
  }

  /** The types of all events so far, in order. */
  types(): string[] {
    return this.seen.map(({ type }) => type)
  }

  /** The type that the case waits for right now. */
  waitingFor: string | undefined

  async #take(type: string): Promise<Seen> {
    this.waitingFor = type
    while (this.#taken === this.seen.length) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
    }
    this.waitingFor = undefined
    return this.seen[this.#taken++]!
  }

  #see(event: Event): void {
    const message = event as Partial<MessageEvent>
    this.seen.push({
      type: event.type,
      readyState: this.source.readyState,
      data: message.data,
      lastEventId: message.lastEventId,
      origin: message.origin,
      event,
    })
    this.#wake?.()
  }
}

export class ConformanceFailure extends Error {
  override readonly name = 'ConformanceFailure'
}

/** Collects what reaches the host's error reporting; each target feeds it from wherever that is. */
export class UncaughtErrors {
  readonly #texts: string[] = []
  #wake = new Set<() => void>()

  add(error: unknown): void {
    this.#texts.push(error instanceof Error ? error.message : String(error))
    for (const wake of this.#wake) wake()
  }

  async including(part: string): Promise<string> {
    for (;;) {
      const found = this.#texts.find((text) => text.includes(part))
      if (found !== undefined) return found
      await new Promise<void>((resolve) => {
        const wake = () => {
          this.#wake.delete(wake)
          resolve()
        }
        this.#wake.add(wake)
      })
    }
  }
}

async function order<Name extends keyof Orders>(
  origins: Origins,
  name: Name,
  ask: Orders[Name]['ask'],
): Promise<Orders[Name]['answer']> {
  const response = await fetch(`${origins.control}/${name}`, { method: 'POST', body: JSON.stringify(ask) })
  const answer: unknown = await response.json()
  if (!response.ok) throw new Error(`The test server refused ${name}: ${String(answer)}`)
  return answer as Orders[Name]['answer']
}

function fail(what: string, actual: unknown, expected: unknown): never {
  throw new ConformanceFailure(`${what}: expected ${show(expected)}, got ${show(actual)}`)
}

function show(value: unknown): string {
  if (typeof value === 'function') return `function ${value.name}`
  if (value === undefined || typeof value === 'symbol') return String(value)
  let json: string
  try {
    json = JSON.stringify(value, (_, inner: unknown) => (inner === undefined ? 'undefined' : inner))
  } catch {
    // An object that JSON cannot hold, a global for one: its class has to do.
    return Object.prototype.toString.call(value)
  }
  // What cannot be seen should not be what differs.
  return json.replace(/[\u007f-\uffff]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

function describeSeen({ type, readyState, data }: Seen): string {
  return `${JSON.stringify(type)}${data === undefined ? '' : ` with data ${show(data)}`} at readyState ${readyState}`
}
