import type { Connection, ConnectionHooks, Step } from '../../src/client/connection.ts'
import type { ConnectionFailure } from '../../src/client/connection-state.ts'
import type { EventSourceOptions } from '../../src/client/options.ts'
import type { Environment } from '../../src/tabs/environment.ts'
import type { Message } from '../../src/tabs/messages.ts'
import { shareAmong, type TabRole, type TabsShare } from '../../src/tabs/tabs.ts'

/**
 * A browser with tabs, and a server, in simulated time: locks, channels, timers and connections, each
 * with delays of its own. Everything that happens in a tab is a task of that tab: a frozen tab runs
 * none until it is thawed, a crashed one none at all. The same seed always does the same.
 */
export class World {
  now = 1_700_000_000_000
  /** The share of messages between tabs that get lost. */
  loss = 0
  /** The longest delay of a message, a lock or a byte. */
  maxDelayMs = 20
  readonly server: Server
  readonly tabs: Tab[] = []
  readonly #tasks: Task[] = []
  readonly #locks = new Map<string, Lock>()
  readonly #channels = new Set<FakeChannel>()
  #sequence = 0
  #state: number

  constructor(seed: number) {
    this.#state = seed + 0x9e3779b9
    this.server = new Server(this)
  }

  /** From 0 to below 1 (mulberry32). */
  random = (): number => {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }

  delay(): number {
    return this.random() * this.maxDelayMs
  }

  /** Runs a task in a tab, or in the world if there is none. */
  schedule(tab: Tab | undefined, delayMs: number, run: () => void, isMessage = false): Task {
    const task = { at: this.now + delayMs, sequence: this.#sequence++, tab, run, isMessage, isCancelled: false }
    this.#tasks.push(task)
    return task
  }

  async advance(milliseconds: number): Promise<void> {
    const end = this.now + milliseconds
    for (;;) {
      await new Promise(setImmediate)
      let next: Task | undefined
      for (const task of this.#tasks)
        if (!next || task.at < next.at || (task.at === next.at && task.sequence < next.sequence)) next = task
      if (!next || next.at > end) break
      this.#tasks.splice(this.#tasks.indexOf(next), 1)
      this.now = Math.max(this.now, next.at)
      const { tab } = next
      if (next.isCancelled || tab?.isGone) continue
      if (tab?.isFrozen) tab.deferred.push(next)
      else next.run()
    }
    this.now = end
  }

  /** A tab that selects some topics, if they are merged, else all. `refusing` is what its browser refuses. */
  open(options: EventSourceOptions = {}, topics?: readonly number[], refusing?: string): Tab {
    const tab = new Tab(this, this.tabs.length, options, topics, refusing)
    this.tabs.push(tab)
    return tab
  }

  environmentOf(tab: Tab): Environment {
    return {
      locks: {
        request: (name, { steal = false, signal }, callback) =>
          new Promise((resolve, reject) => {
            const request: LockRequest = { tab, callback, resolve, reject, signal }
            this.schedule(undefined, this.delay(), () => this.#lockOf(name).request(request, steal))
          }),
        query: () =>
          new Promise((resolve) => {
            this.schedule(tab, this.delay(), () =>
              resolve({ pending: [...this.#locks].flatMap(([name, { queue }]) => queue.map(() => ({ name }))) }),
            )
          }),
      },
      openChannel: (name, onMessage) => {
        const channel = new FakeChannel(tab, name, onMessage)
        this.#channels.add(channel)
        return {
          post: (message) => this.#deliver(channel, message),
          close: () => {
            this.#channels.delete(channel)
          },
        }
      },
      setTimeout: (task, delayMs) => this.schedule(tab, delayMs, task),
      clearTimeout: (task) => {
        if (task) (task as Task).isCancelled = true
      },
      queueTask: (task) => void this.schedule(tab, 0, task),
      now: () => this.now,
      random: this.random,
      digest: (text) => Promise.resolve(text),
      onFreeze: (freeze, resume) => {
        tab.onFreeze = freeze
        tab.onResume = resume
      },
    }
  }

  crash(tab: Tab): void {
    tab.isGone = true
    for (const lock of this.#locks.values()) this.schedule(undefined, this.delay(), () => lock.forget(tab))
    for (const channel of this.#channels) if (channel.tab === tab) this.#channels.delete(channel)
    this.server.dropConnectionsOf(tab)
  }

  #lockOf(name: string): Lock {
    const lock = this.#locks.get(name) ?? new Lock(this)
    this.#locks.set(name, lock)
    return lock
  }

  #deliver(from: FakeChannel, message: Message): void {
    const text = JSON.stringify(message, (_, value) => (value === undefined ? '∅' : value))
    for (const channel of this.#channels) {
      if (channel === from || channel.name !== from.name || this.random() < this.loss) continue
      // In the order of one sender.
      const at = Math.max(from.lastAt.get(channel) ?? 0, this.now + this.delay())
      from.lastAt.set(channel, at)
      const receive = () => {
        if (this.#channels.has(channel))
          channel.onMessage(JSON.parse(text, (_, value) => (value === '∅' ? undefined : value)))
      }
      this.schedule(channel.tab, at - this.now, receive, true)
    }
  }
}

/** How many topics there are: event n has the topic n % TOPICS. */
export const TOPICS = 3

interface Task {
  readonly at: number
  readonly sequence: number
  readonly tab: Tab | undefined
  readonly run: () => void
  readonly isMessage: boolean
  isCancelled: boolean
}

class FakeChannel {
  readonly tab: Tab
  readonly name: string
  readonly onMessage: (message: Message) => void
  readonly lastAt = new Map<FakeChannel, number>()

  constructor(tab: Tab, name: string, onMessage: (message: Message) => void) {
    this.tab = tab
    this.name = name
    this.onMessage = onMessage
  }
}

interface LockRequest {
  readonly tab: Tab
  readonly callback: () => Promise<void> | undefined
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
  readonly signal: AbortSignal | undefined
}

class Lock {
  readonly queue: LockRequest[] = []
  readonly #world: World
  #holder: LockRequest | undefined

  constructor(world: World) {
    this.#world = world
  }

  request(request: LockRequest, isStealing: boolean): void {
    if (request.tab.isGone) return
    const abort = () => {
      if (!this.queue.includes(request)) return
      this.queue.splice(this.queue.indexOf(request), 1)
      request.reject(new DOMException('Aborted', 'AbortError'))
    }
    if (isStealing) {
      const stolenFrom = this.#holder
      this.#holder = undefined
      if (stolenFrom) this.#world.schedule(stolenFrom.tab, this.#world.delay(), () => stolenFrom.reject(stolen))
      this.#grant(request)
    } else {
      this.queue.push(request)
      if (request.signal?.aborted) abort()
      request.signal?.addEventListener('abort', abort)
      this.#next()
    }
  }

  forget(tab: Tab): void {
    this.queue.splice(0, Infinity, ...this.queue.filter((request) => request.tab !== tab))
    if (this.#holder?.tab === tab) this.#holder = undefined
    this.#next()
  }

  #next(): void {
    if (this.#holder || !this.queue[0]) return
    this.#grant(this.queue.shift()!)
  }

  #grant(request: LockRequest): void {
    this.#holder = request
    this.#world.schedule(request.tab, this.#world.delay(), () => {
      void Promise.resolve(request.callback()).then(() => {
        request.resolve(undefined)
        this.#world.schedule(undefined, this.#world.delay(), () => {
          if (this.#holder !== request) return
          this.#holder = undefined
          this.#next()
        })
      })
    })
  }
}

const stolen = new DOMException('Stolen', 'AbortError')

/**
 * A server whose event number n has the ID n, the data n, and one of three topics in turn. Its clients
 * read as real ones do. `?match=0` selects a topic; without one, all are selected.
 */
class Server {
  /** The last event. */
  last = 0
  isUp = true
  /** Every open connection. */
  readonly connections = new Set<ServerConnection>()
  /** Whether it says that the stream is complete. */
  isFinished = false
  /** Whether it says which matchers select an event when it is asked to. */
  isMarkingAtAll = true
  /** A topic that it refuses. */
  refusedTopic: number | undefined
  /** The most matchers of one connection that is shared. */
  mostMatchers = 0
  readonly #world: World

  constructor(world: World) {
    this.#world = world
  }

  publish(): void {
    this.last++
    for (const connection of this.connections) connection.wake()
  }

  /** Cuts all connections; `isUp` says whether new ones are refused. */
  cut(): void {
    for (const connection of this.connections) connection.isCut = true
    for (const connection of this.connections) connection.wake()
  }

  finish(): void {
    this.isFinished = true
    for (const connection of this.connections) connection.wake()
  }

  dropConnectionsOf(tab: Tab): void {
    for (const connection of this.connections) if (connection.tab === tab) this.connections.delete(connection)
  }

  /** In place of `connect`. */
  connectFrom(tab: Tab) {
    return (url: string, options: EventSourceOptions, hooks: ConnectionHooks = {}): Connection => {
      const world = this.#world
      const { connections } = this
      const closing = new AbortController()
      const matchers = new URL(url).searchParams.getAll('match').map(Number)
      const isMarking = url.includes('show_matchers=1')
      if (isMarking) this.mostMatchers = Math.max(this.mostMatchers, matchers.length)
      let id = `${options.lastEventId ?? ''}`
      let current: ServerConnection | undefined
      let end = () => {}
      const later = (delayMs: number) =>
        new Promise<void>((resolve) => {
          end = resolve
          world.schedule(tab, delayMs, resolve)
        })
      const close = () => {
        closing.abort()
        if (current) connections.delete(current)
        current?.wake()
        end()
      }
      const connection: Connection = {
        url,
        withCredentials: false,
        steps: run.call(this),
        events: undefined,
        onEvent: undefined,
        onInvalid: undefined,
        lastEventId: id,
        get receivedId() {
          return id
        },
        reconnectionTime: 3000,
        signal: closing.signal,
        close,
      }
      return connection

      async function* run(this: Server): AsyncGenerator<Step[], void, void> {
        const ends = (code: 'NETWORK_ERROR' | 'STREAM_COMPLETE' | 'UNEXPECTED_RESPONSE', willRetry: boolean): Step =>
          ({
            name: willRetry ? 'waiting' : 'closed',
            failure: { code, message: code, willRetry, retryDelayMs: 3000 },
          }) as Step
        while (!closing.signal.aborted) {
          await later(world.delay())
          if (closing.signal.aborted) return
          if (matchers.includes(this.refusedTopic ?? Number.NaN)) {
            yield [ends('UNEXPECTED_RESPONSE', false)]
            return
          }
          if (this.isUp && !this.isFinished) {
            current = new ServerConnection(tab)
            connections.add(current)
            options.onOpen?.(new Response(null))
            yield [{ name: 'open', origin: 'http://server.test' }]
            let next = id === '' ? this.last + 1 : Number(id) + 1
            // A position: the ID without an event.
            if (id === '') {
              id = connection.lastEventId = `${this.last}`
              hooks.onId?.(id)
            }
            while (!current.isCut && !this.isFinished && !closing.signal.aborted) {
              if (next > this.last) {
                await current.change
                await later(world.delay())
                continue
              }
              const steps: Step[] = []
              const count = 1 + Math.floor(world.random() * 5)
              while (next <= this.last && steps.length < count) {
                const place = matchers.indexOf(next % TOPICS)
                if (matchers[0] !== undefined && place < 0) {
                  next++
                  continue
                }
                if (isMarking && this.isMarkingAtAll) steps.push(() => options.onComment?.(`matches ${place}`))
                id = `${next}`
                hooks.onId?.(id)
                steps.push({ type: 'message', data: `${next++}`, origin: 'http://server.test', lastEventId: id })
              }
              if (steps[0]) yield steps
              connection.lastEventId = id
            }
            connections.delete(current)
          }
          if (closing.signal.aborted) return
          if (this.isFinished) {
            yield [ends('STREAM_COMPLETE', false)]
            return
          }
          yield [ends('NETWORK_ERROR', true)]
          await later(3000)
        }
      }
    }
  }
}

class ServerConnection {
  readonly tab: Tab
  isCut = false
  change: Promise<void>
  wake = () => {}

  constructor(tab: Tab) {
    this.tab = tab
    this.change = this.#renew()
  }

  #renew(): Promise<void> {
    return new Promise((resolve) => {
      this.wake = () => {
        resolve()
        this.change = this.#renew()
      }
    })
  }
}

/** A tab whose application notes what it gets, as an `EventSource` would dispatch it. */
export class Tab {
  readonly index: number
  isFrozen = false
  isGone = false
  onFreeze = () => {}
  onResume = () => {}
  readonly deferred: Task[] = []
  readonly share: TabsShare
  readonly topics: readonly number[] | undefined
  readonly connection: Connection
  readonly roles: TabRole[] = []
  /** `open`, `error`, `closed`, and the data of events. */
  readonly seen: string[] = []
  /** Whether the ID to resume from was ever beyond what the application had. */
  isAhead = false
  /** Why it was closed. */
  failure: ConnectionFailure | undefined
  /** The last event that was published before the tab knew an ID to resume by. */
  knewFrom: number | undefined
  /** How long its application takes for a batch. */
  slownessMs = 0
  readonly #world: World

  constructor(world: World, index: number, options: EventSourceOptions, topics?: readonly number[], refusing?: string) {
    this.#world = world
    this.index = index
    this.topics = topics
    const environment = world.environmentOf(this)
    const refuse = () => {
      throw new DOMException('Denied', 'SecurityError')
    }
    if (refusing === 'channels') environment.openChannel = refuse
    if (refusing === 'locks') environment.locks.request = async () => refuse()
    this.share = shareAmong(environment, {
      merge: topics !== undefined,
      onRole: (role) => this.roles.push(role),
    })
    const open = this.share as unknown as (url: string, options: object, connect: unknown) => Connection
    this.connection = open(
      `http://server.test/events?${(topics ?? []).map((topic) => `match=${topic}`).join('&')}`,
      options,
      world.server.connectFrom(this),
    )
    world.schedule(this, 0, () => void this.#read())
  }

  get events(): number[] {
    return this.seen.map(Number).filter((number) => !Number.isNaN(number))
  }

  /** The state that it was last told of. */
  get shown(): string | undefined {
    return this.seen.findLast((item) => Number.isNaN(Number(item)))
  }

  close(): void {
    this.connection.close()
    this.isGone = true
  }

  /** Stops it; a browser says so before, unless it does not. */
  freeze(isAnnounced: boolean): void {
    if (isAnnounced) this.onFreeze()
    this.isFrozen = true
  }

  thaw(): void {
    this.isFrozen = false
    // What waited runs in any order, but for the messages of one sender.
    for (const { sequence, run, isMessage } of this.deferred.splice(0))
      this.#world.schedule(this, isMessage ? 1 + sequence / 1e9 : this.#world.random() * 2, run)
    this.#world.schedule(this, this.#world.random() * 2, () => this.onResume())
  }

  async #read(): Promise<void> {
    for await (const steps of this.connection.steps) {
      if (this.slownessMs) {
        await new Promise<void>((resolve) => void this.#world.schedule(this, this.slownessMs, resolve))
      }
      const first = steps.find((step) => 'data' in step)
      if (first && 'data' in first && Number(this.connection.lastEventId) >= Number(first.data)) this.isAhead = true
      for (const step of steps) {
        if (this.connection.signal.aborted || typeof step === 'function') continue
        if ('data' in step) this.seen.push(step.data)
        else this.seen.push(step.name === 'waiting' ? 'error' : step.name)
        if (!('data' in step) && step.name === 'closed') {
          this.failure = step.failure
          this.connection.close()
        }
      }
      if (this.connection.lastEventId !== '') this.knewFrom ??= this.#world.server.last
    }
  }
}
