import { useEffect, useMemo, useState } from 'preact/hooks'
import { isAtBeginning, readFrom } from '../data/history.ts'
import { needsToken } from '../data/hub.ts'
import { goTo, place } from '../data/location.ts'
import { openPublicTail } from '../data/public-tail.ts'
import { subscribeWithCurl, subscribeWithScript } from '../data/snippets.ts'
import { stats, statsState } from '../data/stats.ts'
import { useStore } from '../data/store.ts'
import { openTail, type Row, rowOf, type Tail } from '../data/tail.ts'
import type { HistoryPage } from '../data/wire.ts'
import { Copy } from '../parts/copy.tsx'
import { SearchField } from '../parts/search-field.tsx'
import { EventList } from './event-list.tsx'
import { useDone } from './first-steps.tsx'
import { RawStream } from './raw-stream.tsx'
import { Scrubber } from './scrubber.tsx'

/** Events of a selection: as they come, or a part of the history. */
export function EventsView() {
  const { topic, from } = useStore(place)
  const [hasVitals, setVitals] = useState(false)
  const [filter, setFilter] = useState('')
  const [isRaw, setRaw] = useState(false)
  const tail = useTail(topic, hasVitals)
  const live = useStore(tail.rows)
  const tailProblem = useStore(tail.problem)
  const [held, setHeld] = useState<readonly Row[] | undefined>(undefined)
  const past = usePast(from, tail)
  const isLive = from === ''
  useDone('back', !isLive && past.page !== undefined)
  useDone(
    'unplugged',
    live.some((row) => row.name === 'note' && row.tone === 'back'),
  )

  const rows = isLive
    ? (held ?? live)
    : (past.page?.events.toReversed().map((event) => rowOf(event, past.page!.epoch)) ?? [])
  const shown = useMemo(() => rows.filter((row) => matches(row, filter)), [rows, filter])
  const missed = held ? live.findIndex((row) => row.key === held[0]?.key) : 0
  const problem = isLive ? tailProblem : past.problem

  return (
    <div class="view events">
      <h1 class="hidden">Events</h1>
      <div class="toolbar selection">
        <TopicField topic={topic} />
        <SearchField label="Filter what is shown" value={filter} onChange={setFilter} />
        <label class="check">
          <input type="checkbox" checked={hasVitals} onChange={(event) => setVitals(event.currentTarget.checked)} />
          vital signs
        </label>
      </div>
      <Scrubber from={from} tail={tail} page={past.page} />
      <div class="toolbar">
        {isLive ? (
          <button
            type="button"
            id="pause"
            aria-pressed={held !== undefined}
            onClick={() => setHeld(held ? undefined : live)}
          >
            {held ? (missed > 0 ? `Resume (${missed} new)` : 'Resume') : 'Pause'}
          </button>
        ) : (
          <>
            <button
              type="button"
              disabled={!past.page || isAtBeginning(past.page)}
              onClick={() => goTo({ from: String(past.page!.after) })}
            >
              Older
            </button>
            <button
              type="button"
              disabled={!past.page}
              onClick={() => goTo({ from: past.page!.through >= past.page!.head ? '' : `after-${past.page!.through}` })}
            >
              Newer
            </button>
            <button type="button" class="primary" onClick={() => goTo({ from: '' })}>
              Back to live
            </button>
          </>
        )}
        <span class="spread" />
        <Copy text={() => subscribeWithCurl(topic)}>Copy as curl</Copy>
        <Copy text={() => subscribeWithScript(topic, typesOf(rows))}>Copy as JavaScript</Copy>
        <button type="button" class="quiet" aria-pressed={isRaw} onClick={() => setRaw(!isRaw)}>
          Raw stream
        </button>
      </div>
      <div class={isRaw ? 'beside' : ''}>
        <section
          class="panel list"
          aria-label={isLive ? 'Events, the newest first' : 'A part of the history, the newest first'}
        >
          {problem !== undefined && (
            <p class="problem">{problem instanceof Error ? problem.message : String(problem)}</p>
          )}
          {past.isReading && <p class="empty">Reading the history…</p>}
          <EventList rows={shown} topic={topic} />
          {shown.length === 0 && !past.isReading && problem === undefined && (
            <p class="empty">
              {rows.length > 0
                ? 'Nothing that is shown contains this.'
                : isLive
                  ? 'Nothing yet. Publish something, and it is here at once.'
                  : 'No event is kept here.'}
            </p>
          )}
          {isLive && !held && live.length >= 100 && (
            <button type="button" class="more" onClick={() => goTo({ from: String(oldestOf(live) - 1) })}>
              Older events
            </button>
          )}
        </section>
        {isRaw && <RawStream topic={topic} />}
      </div>
    </div>
  )
}

function TopicField({ topic }: { topic: string }) {
  const observed = useStore(stats)
  const [text, setText] = useState(topic)
  useEffect(() => setText(topic), [topic])
  return (
    <form
      class="grow"
      onSubmit={(event) => {
        event.preventDefault()
        goTo({ topic: text.trim() === '*' ? '' : text.trim() })
      }}
    >
      <label>
        <span class="hidden">Topic</span>
        <input
          id="topic"
          list="topics"
          placeholder="All topics"
          autocomplete="off"
          spellcheck={false}
          value={text}
          onInput={(event) => setText(event.currentTarget.value)}
          onChange={(event) =>
            goTo({ topic: event.currentTarget.value.trim() === '*' ? '' : event.currentTarget.value.trim() })
          }
        />
      </label>
      <datalist id="topics">
        {observed?.topics.busiest.slice(0, 50).map((each) => (
          <option key={each.topic} value={each.topic} />
        ))}
      </datalist>
    </form>
  )
}

/** One tail for each selection, closed with the view. */
function useTail(topic: string, hasVitals: boolean): Tail {
  const state = useStore(statsState)
  const isPublic = state.name === 'refused' && needsToken(state.refusal)
  const tail = useMemo(() => (isPublic ? openPublicTail : openTail)({ topic, hasVitals }), [topic, hasVitals, isPublic])
  useEffect(() => () => tail.close(), [tail])
  return tail
}

interface Past {
  readonly page: HistoryPage | undefined
  readonly isReading: boolean
  readonly problem: unknown
}

const nothing: Past = { page: undefined, isReading: false, problem: undefined }

function usePast(from: string, { looking }: Tail): Past {
  const [past, setPast] = useState<Past>(nothing)
  useEffect(() => {
    if (from === '') {
      setPast(nothing)
      return
    }
    const left = new AbortController()
    setPast((before) => ({ ...before, isReading: before.page === undefined }))
    readFrom(from, looking, left.signal).then(
      (page) => setPast({ page, isReading: false, problem: undefined }),
      (problem: unknown) => {
        if (!left.signal.aborted) setPast({ page: undefined, isReading: false, problem })
      },
    )
    return () => left.abort()
  }, [from, looking])
  return past
}

function matches(row: Row, filter: string): boolean {
  if (filter === '' || row.name === 'note') return true
  const wanted = filter.toLowerCase()
  const { topics, type, data, id } = row.event
  return [...topics, type, data ?? '', id].some((text) => text.toLowerCase().includes(wanted))
}

function typesOf(rows: readonly Row[]): readonly string[] {
  return [...new Set(rows.flatMap((row) => (row.name === 'event' ? [row.event.type] : [])))].slice(0, 8)
}

function oldestOf(rows: readonly Row[]): number {
  const last = rows.findLast((row) => row.name === 'event')
  return last?.name === 'event' ? last.event.position : 0
}
