import { HubError } from '../../../src/base/errors.ts'
import type { HistorySource, Sequenced, SourcePage } from '../../../src/store/replicated/history-source.ts'
import { type Append, beginning, type HistoryPosition, markOf, type StoredEvent } from '../../../src/store/store.ts'
import type { Process, Scheduler } from '../scheduler.ts'

/** What an engine of several nodes does at its worst. */
export interface SourceManners {
  /** How long each way takes at the most, in milliseconds. */
  readonly callMs: number
  readonly holes: number
  readonly failures: number
  /** How many wake-ups are lost, and how many come twice. */
  readonly lostWakeUps: number
  readonly doubledWakeUps: number
  readonly maxPage: number
}

/** The history that all nodes share, with what each failover has taken from it. */
export class SimulatedEngine {
  readonly epoch = 'abcdefghij'
  events: StoredEvent[] = []
  trimmed: HistoryPosition = beginning
  /** The keys of events that were lost, and how often that happened. */
  readonly lost = new Set<string>()
  losses = 0
  manners: SourceManners
  readonly #scheduler: Scheduler
  readonly #sources = new Set<SimulatedSource>()
  /** Counts failovers: whoever asked before one gets no answer. */
  #failovers = 0

  constructor(scheduler: Scheduler, manners: SourceManners) {
    this.#scheduler = scheduler
    this.manners = manners
  }

  get head(): HistoryPosition {
    return markOf(this.events.at(-1) ?? this.trimmed)
  }

  open(process: Process): SimulatedSource {
    const source = new SimulatedSource(this, this.#scheduler, process)
    this.#sources.add(source)
    return source
  }

  forget(source: SimulatedSource): void {
    this.#sources.delete(source)
  }

  /** Another server takes over, with all events but the newest so many. */
  failOver(lostEvents: number): void {
    this.#failovers++
    const lost = lostEvents === 0 ? [] : this.events.splice(-lostEvents)
    for (const { data } of lost) this.lost.add(data)
    if (lost.length > 0) this.losses++
    this.#scheduler.note(`failover, ${lost.length} events are lost; the head is ${this.head.position}`)
  }

  /** Drops the oldest events, but none that a node lacks. */
  trim(count: number): void {
    const told = Math.min(...[...this.#sources].map(({ toldPosition }) => toldPosition()))
    const old = this.events.slice(0, count).filter(({ position }) => position <= told)
    const last = old.at(-1)
    if (!last) return
    this.events = this.events.slice(old.length)
    this.trimmed = markOf(last)
    this.#scheduler.note(`trimmed through ${last.position}`)
    this.#wake()
  }

  store(appends: readonly Append[]): Sequenced {
    const previous = this.head
    let isAllNew = true
    const marks = appends.map(({ event }) => {
      const earlier = this.events.find(({ data }) => data === event.data)
      const hole = this.#scheduler.chance(this.manners.holes) ? this.#scheduler.between(1, 3) : 0
      if (earlier || hole > 0) isAllNew = false
      if (earlier) return markOf(earlier)
      const mark = { position: this.head.position + 1 + hole, tag: Math.floor(this.#scheduler.random() * 2 ** 32) }
      this.events.push({ ...event, ...mark })
      this.#scheduler.note(`stored ${mark.position}: ${event.data}`)
      return mark
    })
    this.#wake()
    return { marks, previous: isAllNew ? previous : undefined }
  }

  /** Answers a question as of one moment between the question and its answer; or not, and then it may have happened. */
  call<T>(process: Process, answer: () => T): Promise<T> {
    const scheduler = this.#scheduler
    const failovers = this.#failovers
    const later = (run: () => void) => scheduler.after(scheduler.random() * this.manners.callMs, process, run)
    return new Promise((resolve, reject) => {
      const fail = () => reject(new HubError('STORE_FAILED', 'The engine gave no answer.'))
      later(() => {
        if (failovers !== this.#failovers || scheduler.chance(this.manners.failures / 2)) return later(fail)
        const result = answer()
        later(() => {
          if (failovers !== this.#failovers || scheduler.chance(this.manners.failures / 2)) fail()
          else resolve(result)
        })
      })
    })
  }

  #wake(): void {
    for (const source of this.#sources) {
      if (this.#scheduler.chance(this.manners.lostWakeUps)) continue
      source.wakeSoon()
      if (this.#scheduler.chance(this.manners.doubledWakeUps)) source.wakeSoon()
    }
  }
}

/** The engine as one node sees it. */
export class SimulatedSource implements HistorySource {
  readonly name = 'the engine'
  /** How far the node has come; the engine keeps what a node that is up lacks. */
  toldPosition: () => number = () => 0
  /** Who is alive is not a part of this simulation. */
  readonly nodes = { name: 'node', alive: async () => undefined, exchange: async () => [] }
  readonly #engine: SimulatedEngine
  readonly #scheduler: Scheduler
  readonly #process: Process
  #onChange = () => {}

  constructor(engine: SimulatedEngine, scheduler: Scheduler, process: Process) {
    this.#engine = engine
    this.#scheduler = scheduler
    this.#process = process
  }

  get epoch(): string {
    return this.#engine.epoch
  }

  append(appends: readonly Append[]): Promise<Sequenced> {
    return this.#engine.call(this.#process, () => this.#engine.store(appends))
  }

  read(after: number): Promise<SourcePage> {
    return this.#engine.call(this.#process, () => {
      const { events, head, trimmed, manners } = this.#engine
      const rest = events.filter(({ position }) => position > after)
      const page = rest.slice(0, this.#scheduler.between(1, manners.maxPage))
      return {
        head,
        trimmed,
        tagBefore: events.find(({ position }) => position === after)?.tag,
        events: page,
        isLast: page.length === rest.length,
      }
    })
  }

  tagsOf(positions: readonly number[]): Promise<ReadonlyMap<number, number>> {
    return this.#engine.call(this.#process, () => {
      const found = this.#engine.events.filter(({ position }) => positions.includes(position))
      return new Map(found.map(({ position, tag }) => [position, tag]))
    })
  }

  onChange(listener: () => void): void {
    this.#onChange = listener
  }

  wakeSoon(): void {
    this.#scheduler.after(this.#scheduler.random() * this.#engine.manners.callMs * 2, this.#process, () =>
      this.#onChange(),
    )
  }

  async trim(): Promise<void> {
    await this.#engine.call(this.#process, () => this.#engine.trim(1))
  }

  async close(): Promise<void> {
    this.#onChange = () => {}
    this.#engine.forget(this)
  }
}
