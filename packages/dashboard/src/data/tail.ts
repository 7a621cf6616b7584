import { clock } from '../format.ts'
import { getJson, observeUrl, Refusal } from './hub.ts'
import { type LiveState, openLive } from './live.ts'
import { type Looking, queryOf } from './selection.ts'
import { createStore, type Store } from './store.ts'
import type { HistoryPage, HubEvent } from './wire.ts'

/** A line of the list: an event, or a note about the connection, where a reader looks for what is missing. */
export type Row =
  | { readonly name: 'event'; readonly key: string; readonly event: HubEvent; readonly isNew?: boolean }
  | { readonly name: 'note'; readonly key: string; readonly tone: 'lost' | 'back' | 'skip'; readonly text: string }

/** The newest events of a selection, as they come. */
export interface Tail {
  /** The newest first. */
  readonly rows: Store<readonly Row[]>
  readonly state: Store<LiveState>
  /** What keeps it from being shown; `undefined` if nothing does. */
  readonly problem: Store<unknown>
  readonly looking: Looking
  close(): void
}

/** Older rows leave the page, not the history: a tab that stays open for a week must stay light. */
const maxRows = 500
const firstRows = 100
const retryMs = 1000

interface Message {
  readonly epoch?: string
  readonly events?: readonly HubEvent[]
  readonly reason?: 'behind' | 'trimmed'
  readonly after?: number
  readonly through?: number
}

export function rowOf(event: HubEvent, epoch: string, isNew = false): Row {
  return { name: 'event', key: `${epoch}.${event.position}`, event, isNew }
}

/** Opens a tail: the newest events of the history first, then what follows them. */
export function openTail(looking: Looking): Tail {
  const rows = createStore<readonly Row[]>([])
  const state = createStore<LiveState>({ name: 'connecting' })
  const problem = createStore<unknown>(undefined)
  const left = new AbortController()
  let stop = () => {}
  let notes = 0
  let epoch = ''
  let atLoss: { readonly at: number; readonly position: string } | undefined

  void begin()
  return {
    rows,
    state,
    problem,
    looking,
    close() {
      left.abort()
      stop()
    },
  }

  async function begin(): Promise<void> {
    let after: number
    try {
      const url = observeUrl('history', { ...queryOf(looking), limit: firstRows })
      const page = await getJson<HistoryPage>(url, left.signal)
      epoch = page.epoch
      add(page.events.map((event) => rowOf(event, epoch)))
      after = page.through
    } catch (error) {
      if (left.signal.aborted) return
      problem.set(error)
      // Without an answer there is something to wait for; a refusal stays.
      if (!(error instanceof Refusal)) setTimeout(() => !left.signal.aborted && void begin(), retryMs)
      return
    }
    if (left.signal.aborted) return
    problem.set(undefined)
    stop = openLive({
      url: () => observeUrl('history/stream', { ...queryOf(looking), after }),
      onEvent,
      onState,
    })
  }

  function onEvent({ type, data }: { type: string; data: string }): void {
    const message = JSON.parse(data) as Message
    if (type === 'skipped') note('skip', skippedText(message))
    else if (type === 'start' && message.epoch !== epoch) beginAnew()
    else if (type === 'start' && atLoss) {
      const seconds = ((Date.now() - atLoss.at) / 1000).toFixed(1)
      note(
        'back',
        `Connected again after ${seconds} s, resuming after position ${atLoss.position}. What was missed follows.`,
      )
      atLoss = undefined
    } else if (message.events) {
      const seen = new Set(rows.get().map(({ key }) => key))
      add(message.events.map((event) => rowOf(event, epoch, true)).filter(({ key }) => !seen.has(key)))
    }
  }

  /** The hub has another history than before: what was seen is not in it. */
  function beginAnew(): void {
    atLoss = undefined
    note('skip', 'Gap: the hub began a new history. Everything in it follows; what is below is of the old one.')
    stop()
    void begin()
  }

  function onState(next: LiveState): void {
    const before = state.get()
    state.set(next)
    if (next.name === 'refused') problem.set(next.refusal)
    if (next.name !== 'waiting' || before.name === 'waiting' || atLoss) return
    const newest = rows.get().find((row) => row.name === 'event')
    atLoss = { at: Date.now(), position: newest?.name === 'event' ? String(newest.event.position) : '0' }
    note('lost', `Connection lost: ${next.why}`)
  }

  function note(tone: 'lost' | 'back' | 'skip', text: string): void {
    notes++
    add([{ name: 'note', key: `n${notes}`, tone, text: `${clock(Date.now(), { millis: false })} ${text}` }])
  }

  function add(fresh: readonly Row[]): void {
    if (fresh.length > 0) rows.set([...fresh.toReversed(), ...rows.get()].slice(0, maxRows))
  }
}

function skippedText({ reason, after = 0, through = 0 }: Message): string {
  const positions = `${through - after} positions`
  return reason === 'trimmed'
    ? `Gap: the history no longer has what was published after position ${after}, up to ${through}.`
    : `More was published than anyone can read: ${positions} were skipped here. The history has them.`
}
