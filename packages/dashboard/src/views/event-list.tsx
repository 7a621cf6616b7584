import { Component } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { readEvent } from '../data/history.ts'
import { goTo } from '../data/location.ts'
import { subscribeWithCurl, subscribeWithScript } from '../data/snippets.ts'
import type { Row } from '../data/tail.ts'
import type { HubEvent } from '../data/wire.ts'
import { bytes, clock, day } from '../format.ts'
import { Copy } from '../parts/copy.tsx'
import { DataShown } from '../parts/json-view.tsx'
import { useDone } from './first-steps.tsx'

/** Events, the newest first; each opens to all there is to it. */
export function EventList({ rows, topic }: { rows: readonly Row[]; topic: string }) {
  const [open, setOpen] = useState('')
  const today = day(Date.now())
  return (
    <ol class="rows">
      {rows.map((row) =>
        row.name === 'note' ? (
          <li key={row.key} class={`note ${row.tone}`}>
            {row.text}
          </li>
        ) : (
          <EventRow
            key={row.key}
            event={row.event}
            isNew={row.isNew === true}
            topic={topic}
            today={today}
            isOpen={open === row.key}
            onToggle={() => setOpen((before) => (before === row.key ? '' : row.key))}
          />
        ),
      )}
    </ol>
  )
}

interface EventRowProps {
  readonly event: HubEvent
  /** Whether it came while the page was open. */
  readonly isNew: boolean
  readonly topic: string
  readonly today: string
  readonly isOpen: boolean
  readonly onToggle: () => void
}

/** Rendered only when something changes: hundreds of them are on the page, and several come each second. */
class EventRow extends Component<EventRowProps> {
  override shouldComponentUpdate(next: EventRowProps): boolean {
    const { event, isOpen, topic, today } = this.props
    return event !== next.event || isOpen !== next.isOpen || topic !== next.topic || today !== next.today
  }

  override render({ event, isNew, topic, today, isOpen, onToggle }: EventRowProps) {
    const { at, topics, type, data } = event
    return (
      <li class={isOpen ? 'open' : isNew ? 'new' : ''} data-position={event.position}>
        <button type="button" class="row" aria-expanded={isOpen} onClick={onToggle}>
          <Time at={at} today={today} />
          <span class="topic">{topics[0]}</span>
          {type !== 'message' && <span class="badge">{type}</span>}
          {event.private && <span class="badge private">private</span>}
          <span class="preview">
            {data === undefined ? `${bytes(event.bytes)}, for those with a right to it` : preview(data)}
          </span>
        </button>
        {isOpen && <Detail event={event} topic={topic} />}
      </li>
    )
  }
}

function Time({ at, today }: { at: number | null; today: string }) {
  if (at === null) return <span class="time">–</span>
  const date = day(at)
  return (
    <time class="time" dateTime={new Date(at).toISOString()} title="When the hub stored it">
      {date !== today && <span class="date">{date} </span>}
      {clock(at)}
    </time>
  )
}

function preview(data: string): string {
  return data.slice(0, 300).replaceAll(/\s+/g, ' ')
}

function Detail({ event: listed, topic }: { event: HubEvent; topic: string }) {
  const [read, setRead] = useState<{ event: HubEvent; frame: string | null } | undefined>(undefined)
  const [problem, setProblem] = useState('')
  useDone('bytes', read?.frame !== undefined)
  function show(answer: NonNullable<typeof read>): void {
    if (answer.event.id === listed.id) setRead(answer)
    else setProblem('The hub has another history now, which does not have this event.')
  }
  useEffect(() => {
    const left = new AbortController()
    // Without the right to look, a subscriber has all there is for it.
    if (listed.position === 0) return
    readEvent(listed.position, left.signal).then(show, (error: unknown) => {
      if (!left.signal.aborted) setProblem(error instanceof Error ? error.message : String(error))
    })
    return () => left.abort()
  }, [listed.position])
  const event = read?.event ?? listed
  return (
    <div class="detail">
      <dl>
        <div>
          <dt>{event.position === 0 ? 'Arrived' : 'Stored'}</dt>
          <dd>{event.at === null ? 'not known' : new Date(event.at).toISOString().replace('T', ' ')}</dd>
        </div>
        <div>
          <dt>ID</dt>
          <dd>{event.id}</dd>
        </div>
        {event.position > 0 && (
          <div>
            <dt>Position</dt>
            <dd>{event.position}</dd>
          </div>
        )}
        <div>
          <dt>{event.topics.length === 1 ? 'Topic' : 'Topics'}</dt>
          <dd>
            {event.topics.map((each) => (
              <button key={each} type="button" class="link" onClick={() => goTo({ topic: each })}>
                {each}
              </button>
            ))}
          </dd>
        </div>
        <div>
          <dt>Size</dt>
          <dd>{bytes(event.bytes)}</dd>
        </div>
        {event.retry !== null && (
          <div>
            <dt>Sets the reconnection time to</dt>
            <dd>{event.retry} ms</dd>
          </div>
        )}
      </dl>
      {problem !== '' && <p class="problem">{problem}</p>}
      {event.data === undefined ? (
        <p class="empty">Its data is for those with a right to its topics. Your token has none.</p>
      ) : (
        <div class="halves">
          <section aria-label="Data">
            <p class="label">Data</p>
            <DataShown data={event.data} />
          </section>
          {read?.frame && (
            <section aria-label="Bytes on the wire">
              <p class="label">On the wire</p>
              <Wire frame={read.frame} />
            </section>
          )}
        </div>
      )}
      <div class="actions">
        {event.data !== undefined && <Copy text={event.data}>Copy data</Copy>}
        <Copy text={event.id}>Copy ID</Copy>
        <Copy text={() => subscribeWithCurl(topic, event.id)}>curl from here on</Copy>
        <Copy text={() => subscribeWithScript(topic, [event.type], event.id)}>JavaScript from here on</Copy>
      </div>
    </div>
  )
}

/** The event as it is sent: lines with a name, a colon and a value; an empty line ends it. */
function Wire({ frame }: { frame: string }) {
  const lines = frame.split('\n').slice(0, -1)
  return (
    <pre class="wire">
      {lines.map((line, index) => {
        const [, name, value] = /^([^:]*)(:.*)$/s.exec(line) ?? ['', '', line]
        return (
          <span key={index}>
            <span class="field">{name}</span>
            {value}
            <span class="end" aria-hidden="true">
              ↵
            </span>
            {'\n'}
          </span>
        )
      })}
    </pre>
  )
}
