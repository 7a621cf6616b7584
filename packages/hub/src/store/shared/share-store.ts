import { setImmediate } from 'node:timers'
import { MessageChannel, type MessagePort } from 'node:worker_threads'
import { HubError } from '../../base/errors.ts'
import { decorateStore } from '../decorate-store.ts'
import {
  type Bounds,
  beginning,
  type EventStore,
  type Follower,
  type HistoryPosition,
  type StoredEvent,
} from '../store.ts'
import {
  type Answers,
  type Notice,
  type Request,
  type StoreConnection,
  toAppend,
  toEventTuple,
  toHubError,
} from './messages.ts'
import { type SegmentMemory, SharedLog } from './shared-log.ts'

export interface ShareOptions {
  /** Encodes an event as it is sent to subscribers, once for all threads. */
  readonly frameOf: (epoch: string, event: StoredEvent) => Uint8Array
  /**
   * How many bytes of the log may wait for a thread that does not read. Beyond that, the thread
   * must start again. Default 67108864 (64 MiB).
   */
  readonly maxWaitingBytes?: number | undefined
}

/** A store that several threads use, as seen by the thread that owns it. */
export interface SharedStore {
  /** The store, for this thread. Its tail delivers events with their frames. */
  readonly store: EventStore
  /**
   * Returns what another thread passes to `openSharedStore`; transfer its port. That thread may end
   * in any way.
   */
  connect(): StoreConnection
}

/**
 * Lets other threads use a store of this one. Their requests and the answers are messages. New
 * events, whoever appends them, are not: this thread follows the tail, encodes each event, and
 * writes it into memory that all threads read.
 */
export async function shareStore(store: EventStore, options: ShareOptions): Promise<SharedStore> {
  const tail = new SharedTail(store, options)
  await tail.start()
  return {
    store: decorateStore(store, { follow: (follower) => tail.follow(follower) }),
    connect: () => tail.connect(),
  }
}

/**
 * A function returns what holds at the moment of its call: no notice may be sent between that and
 * the answer.
 */
type Answer = Answers[keyof Answers] | (() => Answers['follow'])

/**
 * The tail of a store, delivered to the followers in this thread and written to a log for the other
 * threads.
 */
class SharedTail {
  readonly #store: EventStore
  readonly #options: ShareOptions
  readonly #log = new SharedLog((memory) => this.#onSegment(memory))
  readonly #clients = new Set<Client>()
  readonly #followers = new Set<Follower>()
  /** The newest event in the log. */
  #head: HistoryPosition = beginning
  #trimmed: HistoryPosition = beginning
  #isFollowing = false
  #starting: Promise<void> | undefined
  #lastPart = 0

  constructor(store: EventStore, options: ShareOptions) {
    this.#store = store
    this.#options = options
  }

  /** Follows the store, unless it already does. */
  start(): Promise<void> {
    if (this.#isFollowing) return Promise.resolve()
    this.#starting ??= this.#start().finally(() => {
      this.#starting = undefined
    })
    return this.#starting
  }

  async follow(follower: Follower): Promise<() => void> {
    const boundsNow = await this.#begin()
    follower.onStart(boundsNow())
    this.#followers.add(follower)
    return () => {
      this.#followers.delete(follower)
    }
  }

  connect(): StoreConnection {
    const { port1, port2 } = new MessageChannel()
    const progress = new BigInt64Array(new SharedArrayBuffer(8))
    const { memory, wakeup } = this.#log
    const { maxWaitingBytes = 64 * 1024 ** 2 } = this.#options
    const part = ++this.#lastPart
    const answer = (request: Request) => this.#answer(client, request)
    const client = new Client({ port: port1, part, progress, toldBytes: memory.byteLength, maxWaitingBytes, answer })
    this.#clients.add(client)
    port1.once('close', () => this.#clients.delete(client))
    const { epoch, appendAll, readBack, check, upstream, nodes } = this.#store
    const can = {
      appendAll: appendAll !== undefined,
      readBack: readBack !== undefined,
      check: check !== undefined,
      upstream: upstream !== undefined,
    }
    return { port: port2, epoch, wakeup, progress, memory, can, node: nodes?.name }
  }

  /**
   * Resolves to a function that returns the bounds of the history as the followers know them at its
   * call: a tail begins after that head.
   */
  async #begin(): Promise<() => Bounds> {
    await this.start()
    const { earliest, count } = await this.#store.bounds()
    return () => {
      if (this.#isFollowing) return { head: this.#head, trimmed: this.#trimmed, earliest, count }
      throw new HubError('STORE_FAILED', 'The tail of the event store failed just before it could be followed.')
    }
  }

  async #start(): Promise<void> {
    await this.#store.follow({
      onStart: ({ head, trimmed }) => {
        this.#head = head
        this.#trimmed = trimmed
        this.#isFollowing = true
      },
      onAppend: (events) => this.#onAppend(events),
      onTrim: (trimmed) => {
        this.#trimmed = trimmed
        this.#log.append({ name: 'trimmed', trimmed })
        this.#log.publish()
        for (const follower of this.#followers) follower.onTrim(trimmed)
      },
      onFailure: (error) => this.#onFailure(error),
    })
  }

  #onAppend(events: readonly StoredEvent[]): void {
    const framed = events.map((event) => {
      const frame = this.#log.append({
        name: 'event',
        event: { ...event, frame: this.#options.frameOf(this.#store.epoch, event) },
      })
      return { ...event, frame }
    })
    const { position, tag } = framed.at(-1)!
    this.#head = { position, tag }
    this.#log.publish()
    for (const follower of this.#followers) follower.onAppend(framed)
  }

  /** Every follower must start again, and so must this tail. */
  #onFailure(error: Error): void {
    this.#isFollowing = false
    this.#log.append({ name: 'failed', error: toHubError(error) })
    this.#log.publish()
    const followers = [...this.#followers]
    this.#followers.clear()
    for (const follower of followers) follower.onFailure(error)
  }

  #onSegment(memory: SegmentMemory): void {
    for (const client of this.#clients) client.sendSegment(memory)
  }

  async #answer(client: Client, request: Request): Promise<Answer> {
    const store = this.#store
    switch (request.name) {
      case 'append': {
        const appends = request.appends.map(toAppend)
        const [first] = appends
        return first && appends.length === 1
          ? [await store.append(first.event, first)]
          : await store.appendAll!(appends)
      }
      case 'read': {
        const { events, ...page } = await store.read(request.query)
        return { ...page, events: events.map(toEventTuple) }
      }
      case 'readBack': {
        const { events, from } = await store.readBack!(request.query)
        return { events: events.map(toEventTuple), from }
      }
      case 'inspect':
        return await store.inspect(request.position)
      case 'find':
        return await store.find(request.id)
      case 'bounds':
        return await store.bounds()
      case 'follow': {
        const boundsNow = await this.#begin()
        return () => {
          client.resume(this.#log.memory)
          return { bounds: boundsNow(), offset: this.#log.end }
        }
      }
      case 'trim':
        return await store.trim(request.through).then(() => undefined)
      case 'check':
        return await store.check!().then(() => undefined)
      case 'alive':
        return await store.nodes!.alive()
      case 'exchange':
        return await store.nodes!.exchange(request.note, client.part)
      case 'upstream':
        return await store.upstream!()
    }
  }
}

interface ClientOptions {
  readonly port: MessagePort
  /** The thread's part of what this node leaves for others. The first thread has 0. */
  readonly part: number
  readonly progress: BigInt64Array
  /** The size of the segment with which the thread begins. */
  readonly toldBytes: number
  readonly maxWaitingBytes: number
  readonly answer: (request: Request) => Promise<Answer>
}

/** The end of a connection in the thread that owns the store. */
class Client {
  readonly part: number
  readonly #port: MessagePort
  readonly #progress: BigInt64Array
  readonly #maxWaitingBytes: number
  #notices: Notice[] = []
  #isFlushDue = false
  /** The total size of the segments that were sent to the thread. */
  #toldBytes: number
  #isCutOff = false

  constructor({ port, part, progress, toldBytes, maxWaitingBytes, answer }: ClientOptions) {
    this.part = part
    this.#port = port
    this.#progress = progress
    this.#toldBytes = toldBytes
    this.#maxWaitingBytes = maxWaitingBytes
    port.on('message', (requests: readonly Request[]) => {
      for (const request of requests) {
        const { number } = request
        answer(request)
          .then((answer) => {
            this.#send({ name: 'answer', number, answer: typeof answer === 'function' ? answer() : answer })
          })
          .catch((error: unknown) => {
            const { code, message } = toHubError(error)
            this.#send({ name: 'no answer', number, code, message })
          })
      }
    })
    // The chance that another thread asks something must not keep this one from ending.
    port.unref()
  }

  sendSegment(memory: SegmentMemory): void {
    if (this.#isCutOff) return
    const waitingBytes = this.#toldBytes - Number(Atomics.load(this.#progress, 0))
    if (waitingBytes <= this.#maxWaitingBytes) {
      this.#toldBytes += memory.byteLength
      this.#send({ name: 'segment', memory })
      return
    }
    this.#isCutOff = true
    this.#send({ name: 'cut off' })
  }

  /** Sends the current segment of the log to a thread that was cut off. */
  resume(memory: SegmentMemory): void {
    if (!this.#isCutOff) return
    this.#isCutOff = false
    this.#toldBytes += memory.byteLength
    this.#send({ name: 'segment', memory })
  }

  /** Sends a notice, in one message with all others of this turn. */
  #send(notice: Notice): void {
    this.#notices.push(notice)
    if (this.#isFlushDue) return
    this.#isFlushDue = true
    setImmediate(() => {
      this.#isFlushDue = false
      const notices = this.#notices
      this.#notices = []
      this.#port.postMessage(notices)
    })
  }
}
