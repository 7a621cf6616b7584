import { useEffect, useRef, useState } from 'preact/hooks'
import { getJson, observeUrl } from '../data/hub.ts'
import { goTo } from '../data/location.ts'
import { useStore } from '../data/store.ts'
import type { Tail } from '../data/tail.ts'
import type { HistoryPage, Mark } from '../data/wire.ts'
import { count, moment } from '../format.ts'

const boundsMs = 5000
const restMs = 120

/** The whole history as a slider: one end is the oldest event that is kept, the other is now. */
export function Scrubber({ from, tail, page }: { from: string; tail: Tail; page: HistoryPage | undefined }) {
  const bounds = useBounds()
  const live = useStore(tail.rows)
  const [dragged, setDragged] = useState<number | undefined>(undefined)
  const timer = useRef(0)
  useEffect(() => setDragged(undefined), [from, page])
  if (!bounds?.oldest || !bounds.newest) return null

  const { oldest, count: kept } = bounds
  const newest = newestOf(bounds.newest, live)
  const place = dragged ?? (from === '' ? newest.position : (page?.through ?? oldest.position))
  const at = dragged === undefined && page && from !== '' ? page.events.at(-1)?.at : undefined

  function drag(position: number): void {
    setDragged(position)
    clearTimeout(timer.current)
    const isEnd = position >= newest.position
    timer.current = window.setTimeout(
      () => goTo({ from: isEnd ? '' : String(position) }, { replaces: from !== '' }),
      restMs,
    )
  }

  return (
    <section class="scrubber" aria-label="History">
      <div class="ends quiet-text">
        <button type="button" class="link" onClick={() => goTo({ from: 'earliest' })}>
          {oldest.at === null ? 'the oldest' : moment(oldest.at)}
        </button>
        <span class="where">
          {from === '' && dragged === undefined
            ? `Live · ${count(kept)} events kept`
            : at
              ? moment(at)
              : `position ${count(place)}`}
        </span>
        <button type="button" class="link" onClick={() => goTo({ from: '' })}>
          now
        </button>
      </div>
      <input
        type="range"
        aria-label="Place in the history"
        aria-valuetext={from === '' ? 'live' : at ? moment(at) : `position ${place}`}
        min={oldest.position}
        max={newest.position}
        value={place}
        onInput={(event) => drag(Number(event.currentTarget.value))}
      />
      <label class="time-field quiet-text">
        Go to
        <input
          type="datetime-local"
          step={1}
          onChange={(event) => {
            const { value } = event.currentTarget
            if (value !== '') goTo({ from: new Date(value).toISOString() })
          }}
        />
      </label>
    </section>
  )
}

function useBounds(): HistoryPage | undefined {
  const [bounds, setBounds] = useState<HistoryPage | undefined>(undefined)
  useEffect(() => {
    const left = new AbortController()
    const read = () => {
      if (document.hidden) return
      getJson<HistoryPage>(observeUrl('history', { limit: 1 }), left.signal).then(setBounds, () => {
        // The list says what is wrong.
      })
    }
    read()
    const timer = setInterval(read, boundsMs)
    return () => {
      clearInterval(timer)
      left.abort()
    }
  }, [])
  return bounds
}

function newestOf(newest: Mark, rows: ReturnType<Tail['rows']['get']>): Mark {
  const row = rows.find((each) => each.name === 'event')
  return row?.name === 'event' && row.event.position > newest.position ? row.event : newest
}
