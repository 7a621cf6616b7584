import { useEffect, useRef } from 'preact/hooks'
import type { Texts } from '../texts/en.ts'
import { fill, useTexts } from '../texts/texts.ts'
import type { Entry } from './entry.ts'
import { Visible } from './visible.tsx'

/** What happened, line by line: on the wire, and in the object. */
export function Feed({
  entries,
  startedAt,
  label,
}: {
  readonly entries: readonly Entry[]
  readonly startedAt: number
  readonly label: string
}) {
  const texts = useTexts()
  const list = useRef<HTMLOListElement>(null)
  const isAtEnd = useRef(true)
  useEffect(() => {
    const element = list.current
    if (element && isAtEnd.current) element.scrollTop = element.scrollHeight
  }, [entries.length])
  return (
    <ol
      class="feed"
      ref={list}
      // A list that scrolls is reached with the keyboard.
      // biome-ignore lint/a11y/noNoninteractiveTabindex: see above
      tabIndex={0}
      aria-label={label}
      onScroll={({ currentTarget: { scrollTop, scrollHeight, clientHeight } }) => {
        isAtEnd.current = scrollHeight - scrollTop - clientHeight < 24
      }}
    >
      {entries.map((entry, index) => (
        <li key={index} data-kind={entry.kind} data-side={sideOf(entry)}>
          <span class="at">{((entry.at - startedAt) / 1000).toFixed(1)}</span>
          <div>{describe(entry, texts)}</div>
        </li>
      ))}
    </ol>
  )
}

/** The wire is told by the server, the rest by the object. */
function sideOf({ kind }: Entry): 'wire' | 'object' {
  return ['request', 'response', 'bytes', 'end'].includes(kind) ? 'wire' : 'object'
}

function describe(entry: Entry, { run: texts }: Texts) {
  switch (entry.kind) {
    case 'request': {
      const { method, stream, lastEventId, origin, hasCookie, sinceMs } = entry
      return (
        <>
          <b>
            → {method} {stream}
          </b>
          {method === 'OPTIONS' && <span class="note"> {texts.preflight}</span>}
          {sinceMs !== undefined && method !== 'OPTIONS' && (
            <span class="note"> {fill(texts.after, { seconds: (sinceMs / 1000).toFixed(1) })}</span>
          )}
          {lastEventId !== '' && <Field name="Last-Event-ID" value={lastEventId} />}
          {origin !== undefined && <Field name="Origin" value={origin} />}
          {hasCookie && <Field name="Cookie" value="headwater-learn=1" />}
        </>
      )
    }
    case 'response': {
      const { status, headers } = entry
      const shown = Object.entries(headers).filter(([name]) => name !== 'cache-control')
      return (
        <>
          <b>← {status}</b>
          {shown.map(([name, value]) => (
            <Field key={name} name={name} value={value} />
          ))}
        </>
      )
    }
    case 'bytes':
      return (
        <pre>
          <Visible text={entry.text} />
        </pre>
      )
    case 'end':
      return <span class="note">{texts.ends[entry.how]}</span>
    case 'open':
      return <b>open</b>
    case 'event':
      return (
        <>
          <b>{entry.type}</b> <q>{entry.data}</q>
          <span class="note">
            {' '}
            lastEventId {JSON.stringify(entry.lastEventId)} · origin {entry.origin}
          </span>
        </>
      )
    case 'error': {
      const { readyState, failure } = entry
      return (
        <>
          <b>error</b> <span class="note">readyState {readyState}</span>
          <span class="note block">{failure ? `${failure.code}: ${failure.message}` : texts.nativeError}</span>
          {failure && failure.retryDelayMs > 0 && (
            <span class="note block">{fill(texts.retryIn, { seconds: (failure.retryDelayMs / 1000).toFixed(1) })}</span>
          )}
        </>
      )
    }
    case 'closed':
      return <b>close()</b>
  }
}

function Field({ name, value }: { readonly name: string; readonly value: string }) {
  return (
    <span class="field">
      {name}: <code>{value}</code>
    </span>
  )
}
