import type { ConnectionState } from '../client/connection-state.ts'
import {
  advance,
  covers,
  type Entry,
  interrupted,
  isLater,
  type Point,
  pointOf,
  type Selectors,
  type SharedResponse,
  type SharedState,
  type SharedStep,
  shareState,
} from './entry.ts'
import type { Channel, Environment } from './environment.ts'
import { beginLeadership, type Leadership, type OpenConnection, unionOf, unmarked, type Wanted } from './leadership.ts'
import type { Message } from './messages.ts'
import { type Excerpt, SharedLog } from './shared-log.ts'

/** How often a tab looks whether all is well. Hidden tabs are slower: once a minute, at worst. */
const TICK_MS = 1000
/** A leader that was silent for this long is asked whether it is there. */
const SILENT_MS = 4000
/** How many ticks it has to answer. Not a time, because a tab's time may stand still. */
const TICKS_TO_ANSWER = 3
/** How long a new leader waits for what others know, if not all of them answer. */
const COLLECT_MS = 250
/** How long a leader waits for more tabs with other selections, before it asks for all of them. */
const GROW_MS = 20

/**
 * One tab among those that share a connection: takes its turn at leading, keeps its log up to date,
 * and helps others to do so. What its application gets of the log is not decided here.
 */
export class Member {
  /** What is known of the shared stream. Undefined until this tab leads, or the leader answered. */
  log: SharedLog | undefined
  /** Where the stream of this tab begins. */
  joinedAt: Point
  /** Web Locks do not work here after all. */
  isAlone = false
  reconnectionTime: number | undefined
  readonly #environment: Environment
  readonly #name: string
  readonly #open: OpenConnection
  readonly #wanted: Wanted
  readonly #onChange: () => void
  readonly #id: string
  readonly #left = new AbortController()
  readonly #channel: Channel | undefined
  /** The current request for the lock, or its holding. */
  #candidacy: AbortController | undefined
  #leadership: Leadership | undefined
  /** The latest term that this tab has heard of. */
  #term = ''
  #isAsking = false
  #heardAt: number
  #unanswered = 0
  #timer: unknown

  constructor(environment: Environment, name: string, open: OpenConnection, wanted: Wanted, onChange: () => void) {
    this.#environment = environment
    this.#name = name
    this.#open = open
    this.#wanted = wanted
    this.#onChange = onChange
    this.joinedAt = pointOf(wanted.after ?? '')
    this.#id = environment.random().toString(36).slice(2)
    this.#heardAt = environment.now() - SILENT_MS
    try {
      this.#channel = environment.openChannel(name, (message) => this.#onMessage(message))
    } catch {
      this.isAlone = true
      return
    }
    const { signal } = this.#left
    environment.onFreeze(
      () => this.#pause(),
      () => this.#resume(),
      signal,
    )
    this.#resume()
    this.#tick()
  }

  get isLeading(): boolean {
    return !!this.#leadership
  }

  /** Leaves the others for good. If this tab leads, the next one takes over. */
  leave(): void {
    if (this.#left.signal.aborted) return
    this.#pause()
    this.#left.abort()
    this.#environment.clearTimeout(this.#timer)
    this.#channel?.post({ kind: 'left', from: this.#id })
    this.#channel?.close()
  }

  reconnect(silentMs: number): void {
    if (this.#leadership) this.#leadership.reconnect?.(silentMs)
    // The leader has the same triggers. But it may not have noticed that this tab is visible again.
    else this.#channel?.post({ kind: 'reconnect', silentMs: Math.max(silentMs, 1000) })
  }

  #pause(): void {
    const candidacy = this.#candidacy
    this.#candidacy = undefined
    if (this.#leadership) {
      this.#noteId(this.#leadership)
      const { term } = this.#leadership
      this.#stopLeading()
      this.#channel?.post({ kind: 'bye', term })
    }
    candidacy?.abort()
  }

  #resume(): void {
    if (this.#candidacy || this.#left.signal.aborted) return
    this.#stand(false)
    this.#ask()
  }

  /** Asks for the lock: for its turn, or for that of a leader that does not answer. */
  #stand(isStealing: boolean): void {
    this.#candidacy?.abort()
    const candidacy = new AbortController()
    this.#candidacy = candidacy
    const { signal } = candidacy
    this.#environment.locks
      .request(this.#name, isStealing ? { steal: true } : { signal }, () =>
        // Granted, but meanwhile this tab was paused, or asked again.
        signal.aborted ? undefined : this.#lead(),
      )
      .catch((error: { name?: string }) => {
        // Another tab took over, because this one did not run for a while.
        if (error.name === 'AbortError' || this.#candidacy !== candidacy) return
        this.isAlone = true
        this.leave()
        this.#onChange()
      })
      .then(() => {
        if (this.#candidacy !== candidacy) return
        this.#stopLeading()
        this.#stand(false)
        this.#ask()
      })
  }

  /** Resolves when the lock may be given back. */
  #lead(): Promise<void> {
    return new Promise((release) => {
      const leadership = beginLeadership(this.#nextTerm(), release, this.#wanted.selectors)
      this.#leadership = leadership
      this.#term = leadership.term
      void this.#takeOver(leadership)
    })
  }

  async #takeOver(leadership: Leadership): Promise<void> {
    const { pending = [] } = await this.#environment.locks.query()
    const others = pending.filter(({ name }) => name === this.#name).length
    if (others > 0 && this.#leadership === leadership) {
      const collected = new Promise<void>((resolve) => {
        leadership.go = resolve
      })
      const timer = this.#environment.setTimeout(leadership.go, COLLECT_MS)
      leadership.missing = others
      this.#post({ kind: 'lead', from: this.#id, term: leadership.term, head: this.#head })
      await collected
      this.#environment.clearTimeout(timer)
    }
    if (this.#leadership === leadership) await this.#run(leadership)
  }

  async #run(leadership: Leadership): Promise<void> {
    const isOver = this.log?.state?.kind === 'closed'
    // The stream is complete, and this tab is about to notice.
    if (isOver && covers(this.log!.selectors, this.#wanted.selectors)) return this.#pause()
    this.#isAsking = false
    const isNew = !this.log
    this.log ??= new SharedLog({ floor: this.#head, state: undefined, selectors: undefined })
    const isNews = isOver || this.log.state?.kind === 'open'
    const news = isNews ? interrupted('The tab that had the connection is gone') : undefined
    leadership.selectors = unionOf(this.#wanted.selectors, leadership)
    this.#beginTerm(leadership, news)
    if (isNew) this.joinedAt = this.log.head
    while (await this.#serve(leadership)) this.#beginTerm(leadership, undefined)
    // Closed for good, for all tabs that were here. One that opens now makes its own attempt.
    if (this.#leadership === leadership) this.#pause()
  }

  #beginTerm(leadership: Leadership, step: SharedState | undefined): void {
    this.#term = leadership.term = this.#nextTerm()
    leadership.isGrowing = false
    const { id, after } = this.#head
    this.#broadcast(leadership, [{ id, after, step, selectors: leadership.selectors }], 0)
  }

  /** Reads a connection to its end. Returns whether there is to be another with another selection. */
  async #serve(leadership: Leadership): Promise<boolean> {
    const { selectors } = leadership
    let response: SharedResponse = { url: '', status: 200, headers: [] }
    let isNoting = false
    const comments: string[] = []
    /** The selectors of the next event. */
    let selectedBy: Selectors
    const beginning = { lastEventId: this.#head.id, reconnectionTimeMs: this.reconnectionTime, selectors }
    const connection = this.#open(beginning, {
      onOpen({ url, status, headers }) {
        response = { url, status, headers: [...headers] }
      },
      onComment: (text) => comments.push(text),
      reconnectOn: (reconnect) => {
        leadership.reconnect = reconnect
      },
      onId: () => {
        if (isNoting) return
        isNoting = true
        // When whatever the same chunk contained has been broadcast.
        this.#environment.queueTask(() => {
          isNoting = false
          this.#noteId(leadership)
        })
      },
    })
    leadership.connection = connection
    for await (const steps of connection.steps) {
      if (this.#leadership !== leadership || leadership.isGrowing) break
      this.reconnectionTime = connection.reconnectionTime
      let point: Point = this.#head
      const moves: Move[] = []
      const move = (step: SharedStep | undefined) => moves.push({ id: point.id, after: point.after, step })
      for (const step of steps) {
        if (typeof step === 'function') {
          // It hands the comment over, in its place among the events.
          step()
          const text = comments.shift()!
          if (selectors && /^matches( \d+)+$/.test(text)) {
            selectedBy = text.split(' ').flatMap((place) => selectors[Number(place)] ?? [])
          } else move({ kind: 'comment', text })
        } else if ('data' in step) {
          point = advance(point, step.lastEventId, true)
          if (selectors && !selectedBy && !step.type.startsWith('headwater-')) {
            move(unmarked(connection.url))
            connection.close()
            break
          }
          move({ kind: 'event', event: step, selectedBy })
          selectedBy = undefined
        } else {
          if (step.name === 'open') leadership.accepted = selectors
          const refused = selectors?.filter((each) => !leadership.accepted!.includes(each))
          if (step.name === 'closed' && refused?.[0]) {
            // It may accept what it did before.
            for (const each of refused) leadership.refused.add(each)
            leadership.selectors = leadership.accepted
            return true
          }
          selectedBy = undefined
          // The server sends again what came after the ID.
          if (step.name === 'open') point = { ...point, after: 0 }
          move(shareState(step as ConnectionState, response))
        }
      }
      this.#broadcast(leadership, moves, connection.reconnectionTime)
    }
    return leadership.isGrowing
  }

  /** Notes what another tab selects. Returns whether the connection selects it, or never will. */
  #include(leadership: Leadership, from: string, selectors: Selectors): boolean {
    leadership.others.set(from, selectors)
    if (
      covers(leadership.selectors, selectors) ||
      covers(leadership.selectors, unionOf(this.#wanted.selectors, leadership))
    )
      return true
    if (!leadership.isGrowing) {
      this.#environment.setTimeout(() => {
        const union = unionOf(this.#wanted.selectors, leadership)
        if (this.#leadership !== leadership || covers(leadership.selectors, union)) return
        this.#noteId(leadership)
        leadership.isGrowing = true
        leadership.selectors = union
        leadership.connection?.close()
      }, GROW_MS)
    }
    return false
  }

  /** Broadcasts that the ID moved without an event: a take-over must not ask for an older one. */
  #noteId(leadership: Leadership): void {
    const { connection } = leadership
    if (this.#leadership !== leadership || !connection || connection.lastEventId === this.#head.id) return
    const { id, after } = advance(this.#head, connection.lastEventId, false)
    this.#broadcast(leadership, [{ id, after, step: undefined }], connection.reconnectionTime)
  }

  #broadcast({ term }: Leadership, moves: readonly Move[], waitMs: number): void {
    if (!moves[0]) return
    const entries: Entry[] = []
    for (const move of moves) {
      const { term: previousTerm, seq: previousSeq } = this.#head
      const entry = { ...move, term, seq: previousTerm === term ? previousSeq + 1 : 0, previousTerm, previousSeq }
      this.log!.append(entry)
      entries.push(entry)
    }
    this.#post({ kind: 'entries', term, entries, waitMs: this.reconnectionTime ?? waitMs })
    this.#onChange()
  }

  #stopLeading(): void {
    const leadership = this.#leadership
    if (!leadership) return
    this.#leadership = undefined
    this.#heardAt = this.#environment.now()
    leadership.connection?.close()
    leadership.go()
    leadership.release()
    this.#onChange()
  }

  /** Later than every term that this tab has heard of, and than most that it has not. */
  #nextTerm(): string {
    const latest = Number.parseInt(this.#term, 36) || 0
    const number = Math.max(latest + 1, this.#environment.now())
    return `${number.toString(36).padStart(10, '0')}.${this.#id}`
  }

  get #head(): Point {
    return this.log?.head ?? this.joinedAt
  }

  #post(message: Message): void {
    if (!this.#left.signal.aborted) this.#channel?.post(message)
  }

  #ask(): void {
    this.#isAsking = true
    // A tab that has a log asks for what follows it; a new one for what follows its beginning.
    const after = this.log || this.#wanted.after !== null ? this.#head : null
    this.#post({ kind: 'ask', from: this.#id, after, selectors: this.#wanted.selectors })
  }

  #tick(): void {
    this.#timer = this.#environment.setTimeout(
      () => {
        this.#tick()
        if (this.#leadership || !this.#candidacy) return
        const silentMs = this.#environment.now() - this.#heardAt
        // Negative if the clock was set back.
        if (silentMs >= 0 && silentMs < SILENT_MS) this.#unanswered = 0
        else if (this.#unanswered++ < TICKS_TO_ANSWER) this.#post({ kind: 'ping' })
        else {
          this.#unanswered = 0
          this.#stand(true)
        }
        if (this.#isAsking && !this.#leadership) this.#ask()
      },
      TICK_MS * (1 + this.#environment.random() / 4),
    )
  }

  #onMessage(message: Message): void {
    if (this.#left.signal.aborted) return
    const leadership = this.#leadership
    switch (message.kind) {
      case 'lead': {
        const { from, head } = message
        const known = this.#term
        this.#hear(message.term)
        const more = this.log && isLater(this.#head, head) ? (this.log.after(head) ?? this.log.whole()) : undefined
        this.#post({ kind: 'here', from: this.#id, to: from, term: known, more, selectors: this.#wanted.selectors })
        return
      }
      case 'here': {
        if (message.to !== this.#id || !leadership || leadership.connection) return
        if (message.term > this.#term) this.#term = message.term
        const { more } = message
        leadership.others.set(message.from, message.selectors)
        if (more && isLater(more.entries.at(-1) ?? more.floor, this.#head)) this.#take(more)
        if (--leadership.missing <= 0) leadership.go()
        return
      }
      case 'entries': {
        const isNewTerm = message.term > this.#term
        if (!this.#hear(message.term)) return
        this.reconnectionTime = message.waitMs || this.reconnectionTime
        if (this.log) {
          for (const entry of message.entries) {
            if (this.log.has(entry) || this.log.append(entry)) continue
            if (!this.#isAsking || isNewTerm) this.#ask()
            break
          }
          if (isNewTerm && !covers(this.log.selectors, this.#wanted.selectors)) this.#ask()
          this.#onChange()
        } else if (isNewTerm) this.#ask()
        return
      }
      case 'ping':
        if (leadership) this.#post({ kind: 'beat', term: leadership.term, head: this.#head })
        return
      case 'beat':
        if (this.#hear(message.term) && this.log && !this.log.has(message.head) && !this.#isAsking) this.#ask()
        return
      case 'ask': {
        // A stream that has ended for good is no beginning for anybody else.
        if (!leadership?.connection || !this.log || this.log.state?.kind === 'closed') return
        const { from, after, selectors } = message
        // Those that it selects from now on come with a new term, after which this tab asks again.
        if (!this.#include(leadership, from, selectors)) return
        const excerpt = this.log.after(after ?? this.#head) ?? this.log.whole()
        const waitMs = leadership.connection.reconnectionTime
        this.#post({ kind: 'answer', to: from, term: leadership.term, excerpt, waitMs })
        return
      }
      case 'answer':
        if (!this.#hear(message.term) || message.to !== this.#id || !this.#isAsking) return
        this.#isAsking = false
        this.reconnectionTime = message.waitMs
        this.#take(message.excerpt)
        return
      case 'left':
        leadership?.others.delete(message.from)
        return
      case 'reconnect':
        leadership?.reconnect?.(message.silentMs)
        return
      case 'bye':
        // The lock is free: its next holder will be heard of soon.
        if (message.term >= this.#term) this.#heardAt = this.#environment.now()
        return
    }
  }

  /** Notes that a leader of this term is there. Returns whether it is the latest. */
  #hear(term: string): boolean {
    if (term < this.#term) return false
    if (term > this.#term && this.#leadership) {
      // The lock's rejection, which ends this tab's own leadership, is on its way.
      this.#stopLeading()
      this.#ask()
    }
    this.#term = term
    this.#heardAt = this.#environment.now()
    this.#unanswered = 0
    return true
  }

  #take(excerpt: Excerpt): void {
    if (this.log) this.log.merge(excerpt)
    else {
      this.log = new SharedLog(excerpt)
      this.log.merge(excerpt)
      if (this.#wanted.after === null) this.joinedAt = this.log.head
    }
    this.#onChange()
  }
}

type Move = Pick<Entry, 'id' | 'after' | 'step' | 'selectors'>
