import { setImmediate } from 'node:timers'
import type { MessagePort } from 'node:worker_threads'
import { HubError } from '../base/errors.ts'
import {
  type Answers,
  type Notice,
  type Request,
  type StoreConnection,
  toAppendTuple,
  toEvent,
} from './shared/messages.ts'
import { TailReader } from './shared/tail-reader.ts'
import type {
  Append,
  AppendOptions,
  Bounds,
  EventRecord,
  EventStore,
  Follower,
  HistoryPosition,
  NodeDirectory,
  PositionState,
  ReadBackPage,
  ReadBackQuery,
  ReadPage,
  ReadQuery,
  UpstreamStatus,
} from './store.ts'

/**
 * Opens, in this thread, a store that another thread shares with `shareStore`. Closing it does not
 * close the store of the other thread.
 */
export function openSharedStore(connection: StoreConnection): EventStore {
  return new SharedStoreClient(connection)
}

type WithoutNumber<R> = R extends unknown ? Omit<R, 'number'> : never

class SharedStoreClient implements EventStore {
  readonly epoch: string
  readonly nodes?: NodeDirectory
  appendAll?: (appends: readonly Append[]) => Promise<readonly HistoryPosition[]>
  readBack?: (query: ReadBackQuery) => Promise<ReadBackPage>
  check?: () => Promise<void>
  upstream?: () => Promise<UpstreamStatus | undefined>
  readonly #port: MessagePort
  readonly #tail: TailReader
  readonly #pending = new Map<
    number,
    { readonly resolve: (answer: unknown) => void; readonly reject: (error: HubError) => void }
  >()
  #requests: Request[] = []
  #lastNumber = 0
  #isFlushDue = false
  #closing: Promise<void> | undefined
  #end: HubError | undefined
  #onIdle = () => {}

  constructor(connection: StoreConnection) {
    const { epoch, port, can, node } = connection
    this.epoch = epoch
    this.#port = port
    this.#tail = new TailReader(connection)
    if (can.appendAll) this.appendAll = (appends) => this.#appendAll(appends)
    if (can.readBack) this.readBack = (query) => this.#readBack(query)
    if (can.check) this.check = () => this.#ask({ name: 'check' })
    if (node !== undefined) {
      this.nodes = {
        name: node,
        alive: () => this.#ask({ name: 'alive' }),
        exchange: (note) => this.#ask({ name: 'exchange', note }),
      }
    }
    if (can.upstream) this.upstream = () => this.#ask({ name: 'upstream' })
    port.on('message', (notices: readonly Notice[]) => {
      for (const notice of notices) this.#onNotice(notice)
    })
    port.once('close', () => this.#onEnd())
  }

  async append(event: EventRecord, { idempotencyKey }: AppendOptions = {}): Promise<HistoryPosition> {
    const [mark] = await this.#appendAll([{ event, idempotencyKey }])
    return mark!
  }

  async read(query: ReadQuery): Promise<ReadPage> {
    const page = await this.#ask({ name: 'read', query })
    return { ...page, events: page.events.map(toEvent) }
  }

  bounds(): Promise<Bounds> {
    return this.#ask({ name: 'bounds' })
  }

  inspect(position: number): Promise<PositionState> {
    return this.#ask({ name: 'inspect', position })
  }

  find(id: string): Promise<HistoryPosition | undefined> {
    return this.#ask({ name: 'find', id })
  }

  follow(follower: Follower): Promise<() => void> {
    let stop = () => {}
    return this.#ask({ name: 'follow' }, ({ bounds, offset }) => {
      stop = this.#tail.follow(follower, bounds, offset)
    }).then(() => stop)
  }

  trim(through?: number): Promise<void> {
    return this.#ask({ name: 'trim', through })
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.#tail.close()
    if (this.#pending.size > 0) {
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve
      })
    }
    this.#port.close()
  }

  #appendAll(appends: readonly Append[]): Promise<readonly HistoryPosition[]> {
    return this.#ask({ name: 'append', appends: appends.map(toAppendTuple) })
  }

  async #readBack(query: ReadBackQuery): Promise<ReadBackPage> {
    const { events, from } = await this.#ask({ name: 'readBack', query })
    return { events: events.map(toEvent), from }
  }

  /** `onAnswer` is called before any later notice of the other thread is handled. */
  #ask<R extends WithoutNumber<Request>>(
    request: R,
    onAnswer?: (answer: Answers[R['name']]) => void,
  ): Promise<Answers[R['name']]> {
    return new Promise((resolve, reject) => {
      if (this.#closing) {
        return reject(new HubError('STORE_CLOSED', 'The event store is closed: nothing was read or stored.'))
      }
      if (this.#end) return reject(this.#end)
      this.#lastNumber++
      this.#pending.set(this.#lastNumber, {
        resolve: (answer) => {
          onAnswer?.(answer as Answers[R['name']])
          resolve(answer as Answers[R['name']])
        },
        reject,
      })
      this.#requests.push({ ...request, number: this.#lastNumber } as Request)
      this.#flushSoon()
    })
  }

  #flushSoon(): void {
    if (this.#isFlushDue) return
    this.#isFlushDue = true
    setImmediate(() => {
      this.#isFlushDue = false
      const requests = this.#requests
      this.#requests = []
      this.#port.postMessage(requests)
    })
  }

  #onNotice(notice: Notice): void {
    switch (notice.name) {
      case 'answer':
        this.#take(notice.number)?.resolve(notice.answer)
        break
      case 'no answer':
        this.#take(notice.number)?.reject(new HubError(notice.code, notice.message))
        break
      case 'segment':
        this.#tail.onSegment(notice.memory)
        break
      case 'cut off':
        this.#tail.onCutOff()
        break
    }
  }

  #take(number: number) {
    const pending = this.#pending.get(number)
    this.#pending.delete(number)
    if (this.#pending.size === 0) this.#onIdle()
    return pending
  }

  /** The thread that owns the store is gone. */
  #onEnd(): void {
    this.#end = new HubError(
      'STORE_FAILED',
      'The thread of the event store ended. An event under way may be stored or not.',
    )
    for (const { reject } of this.#pending.values()) reject(this.#end)
    this.#pending.clear()
    this.#onIdle()
    this.#tail.fail(this.#end)
  }
}
