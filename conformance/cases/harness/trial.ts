import type * as client from '@headwater/sse/client'
import { fail, show } from './failure.ts'
import { order } from './orders.ts'
import type { OtherSource } from './other-source.ts'
import { endingOnSignal, stream } from './responses.ts'
import type { Runtime } from './runtime.ts'
import type { Origins, Script, ScriptedResponse } from './script.ts'
import { Served } from './served.ts'
import type { UncaughtErrors } from './uncaught-errors.ts'
import { describeSeen, Watched } from './watched.ts'

/** What the runtime gives to a trial beside the EventSource under test. */
export interface Host {
  runtime: Runtime
  EventSource: typeof EventSource
  ours: typeof client
  origins: Origins
  uncaught: UncaughtErrors
  other: OtherSource
}

/** What a case works with: the implementation under test, servers to script, and assertions that name what they see. */
export class Trial {
  readonly runtime: Runtime
  readonly EventSource: typeof EventSource
  /** For the cases of our superset. */
  readonly ours: typeof client
  readonly origins: Origins
  readonly #uncaught: UncaughtErrors
  readonly #other: OtherSource
  readonly #watched: Watched[] = []
  readonly #cleanUp: (() => unknown)[] = []

  constructor(host: Host) {
    this.runtime = host.runtime
    this.EventSource = host.EventSource
    this.ours = host.ours
    this.origins = host.origins
    this.#uncaught = host.uncaught
    this.#other = host.other
  }

  /** Scripts the servers: the nth request is answered by the nth response, and from then on by 204. */
  async serve(...responses: ScriptedResponse[]): Promise<Served> {
    return this.serveScript({ responses })
  }

  async serveScript(script: Script): Promise<Served> {
    const served = await Served.script(this.origins, script)
    this.atEnd(() => served.end())
    return served
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
   * Waits until another source, told to reconnect after 1 ms, has reconnected so many times from beginning to end. It
   * lets a case say "meanwhile nothing happened" without measuring time.
   */
  whileAnotherReconnects(times = 1): Promise<void> {
    return this.#other.reconnects(times)
  }

  /**
   * Asserts that a source that is given these responses reconnects after the last, which ends at the signal `end`, before a source that
   * was told nothing. Where something else keeps it waiting for as long as that source waits, the order shows nothing: it gets three
   * tries.
   */
  async reconnectsEarlier(...responses: ScriptedResponse[]): Promise<void> {
    let isEarlier = false
    for (let tries = 0; !isEarlier && tries < 3; tries++) isEarlier = await this.#reconnectsEarlierOnce(responses)
    this.equal(isEarlier, true, 'reconnected before the source that was told nothing')
  }

  /** Both responses end in the same turn of the server, so both sources wait from the same moment on, however slow the machine is. */
  async #reconnectsEarlierOnce(responses: ScriptedResponse[]): Promise<boolean> {
    const served = await this.serve(...responses, stream())
    const one = this.watch(served.url)
    for (const _ of responses) await one.nextAfterOthers('open')
    const otherServed = await this.serve(endingOnSignal(':\n'), stream())
    // On the other origin, as browsers count the connections of each.
    const other = this.watch(otherServed.crossUrl)
    await other.next('open')
    await Served.signalAll(this.origins, [otherServed, served], 'end')
    const reconnect = (await served.requested(served.responses)).at(-1)!
    const [, otherReconnect] = await otherServed.requested(0)
    one.source.close()
    other.source.close()
    return otherReconnect === undefined || reconnect.place < otherReconnect.place
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
