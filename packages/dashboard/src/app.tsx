import { useEffect, useRef, useState } from 'preact/hooks'
import { needsToken } from './data/hub.ts'
import { goTo, place, urlOf, type View, viewNames, views } from './data/location.ts'
import { followStats, stats, statsState } from './data/stats.ts'
import { useStore } from './data/store.ts'
import { readToken } from './data/token.ts'
import { ConnectionPill } from './parts/connection-pill.tsx'
import { TokenDialog } from './parts/token-dialog.tsx'
import { setTheme, type Theme, theme } from './theme.ts'
import { EventsView } from './views/events.tsx'
import { OverviewView } from './views/overview.tsx'
import { PublishView } from './views/publish.tsx'
import { SubscribersView } from './views/subscribers.tsx'
import { TopicsView } from './views/topics.tsx'
import { VitalsView } from './views/vitals.tsx'

const shown: Readonly<Record<View, () => preact.JSX.Element>> = {
  overview: OverviewView,
  events: EventsView,
  topics: TopicsView,
  subscribers: SubscribersView,
  publish: PublishView,
  vitals: VitalsView,
}

export function App() {
  const { view, topic, from } = useStore(place)
  const state = useStore(statsState)
  const main = useRef<HTMLElement>(null)
  const [isAsking, setAsking] = useState(false)
  /** A new token opens all connections anew. */
  const [tokens, setTokens] = useState(0)
  const isRefused = state.name === 'refused' && needsToken(state.refusal)

  useEffect(followStats, [tokens])
  useEffect(() => {
    document.title = view === 'overview' ? 'Headwater' : `${viewNames[view]} · Headwater`
  }, [view])

  const Shown = shown[view]
  return (
    <>
      <button type="button" class="skip" onClick={() => main.current?.focus()}>
        Skip to the content
      </button>
      <header class="bar">
        <a
          class="brand"
          href={urlOf({ view: 'overview', topic: '', from: '' })}
          onClick={follow({ view: 'overview', topic: '', from: '' })}
        >
          <svg viewBox="0 0 24 24" aria-hidden="true">
            <path d="M2 7c3.3 0 3.3 3 6.7 3S12 7 15.3 7 18.7 10 22 10M2 13c3.3 0 3.3 3 6.7 3S12 13 15.3 13 18.7 16 22 16" />
          </svg>
          Headwater
        </a>
        <ConnectionPill />
        <span class="spread" />
        <LessonsLink />
        <ThemeChoice />
        <button type="button" class="quiet" id="token-button" onClick={() => setAsking(true)}>
          {readToken() === '' ? 'Token' : 'Token ✓'}
        </button>
      </header>
      <nav class="views" aria-label="Views">
        {views.map((each) => {
          const to = {
            view: each,
            topic: each === 'events' || each === 'publish' ? topic : '',
            from: each === 'events' ? from : '',
          }
          return (
            <a key={each} href={urlOf(to)} aria-current={each === view ? 'page' : undefined} onClick={follow(to)}>
              {viewNames[each]}
              <NavCount view={each} />
            </a>
          )
        })}
      </nav>
      <main id="main" tabIndex={-1} ref={main}>
        {isRefused && view !== 'publish' && view !== 'vitals' && <NeedsToken onAsk={() => setAsking(true)} />}
        <Shown key={`${view} ${tokens}`} />
      </main>
      {isAsking && (
        <TokenDialog
          onClose={() => setAsking(false)}
          onChange={() => {
            setTokens(tokens + 1)
            setAsking(false)
          }}
        />
      )}
    </>
  )
}

/** Follows a link within the page; with a key held, the browser opens it elsewhere. */
function follow(to: Parameters<typeof goTo>[0]) {
  return (event: MouseEvent) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey || event.button !== 0) return
    event.preventDefault()
    goTo(to)
    scrollTo(0, 0)
  }
}

function NavCount({ view }: { view: View }) {
  const observed = useStore(stats)
  if (!observed) return null
  if (view === 'topics')
    return <span class="count">{`${observed.topics.counted}${observed.topics.isPartial ? '+' : ''}`}</span>
  if (view === 'subscribers') return <span class="count">{observed.totals.subscribers}</span>
  return null
}

/** Only a hub with --dev has lessons, and listens only to this machine: elsewhere nothing is asked. */
function LessonsLink() {
  const [hasLessons, setLessons] = useState(false)
  useEffect(() => {
    if (!/^(localhost|127\.|\[::1\]$)/.test(location.hostname)) return
    fetch('learn/', { method: 'HEAD' }).then(
      ({ ok }) => setLessons(ok),
      () => setLessons(false),
    )
  }, [])
  if (!hasLessons) return null
  return (
    <a class="lessons" href="learn/">
      Learn
    </a>
  )
}

function ThemeChoice() {
  const wanted = useStore(theme)
  return (
    <label class="theme">
      <span class="hidden">Colours</span>
      <select value={wanted} onChange={(event) => setTheme(event.currentTarget.value as Theme)}>
        <option value="auto">Auto</option>
        <option value="light">Light</option>
        <option value="dark">Dark</option>
      </select>
    </label>
  )
}

function NeedsToken({ onAsk }: { onAsk: () => void }) {
  return (
    <section class="panel notice" role="status">
      <h2>This hub shows itself only to those who may look</h2>
      <p>
        Its figures, topics, subscribers and history need a token with the right to <code>observe</code>. An operator
        makes one with <code>headwater token --observe --subscribe '*'</code>. Without it, <i>Events</i> shows what any
        subscriber gets, without topics and with the times of arrival; publishing and the vital signs work with the
        rights you have.
      </p>
      <button type="button" onClick={onAsk}>
        Enter a token
      </button>
    </section>
  )
}
