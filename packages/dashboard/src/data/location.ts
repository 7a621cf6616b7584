import { createStore } from './store.ts'

export const views = ['overview', 'events', 'topics', 'subscribers', 'publish', 'vitals'] as const
export type View = (typeof views)[number]

export const viewNames: Readonly<Record<View, string>> = {
  overview: 'Overview',
  events: 'Events',
  topics: 'Topics',
  subscribers: 'Subscribers',
  publish: 'Publish',
  vitals: 'Vital signs',
}

/** What the URL says: it can be bookmarked and sent to somebody. It never has a token. */
export interface Place {
  readonly view: View
  /** `?topic=`: which topic the events are of; `''` for all. */
  readonly topic: string
  /** `?from=`: where in the history: `earliest`, a position, or a time; `''` for live. */
  readonly from: string
}

export const place = createStore<Place>(read())

addEventListener('popstate', () => place.set(read()))

/** Goes to another place; what is not named stays. */
export function goTo(change: Partial<Place>, { replaces = false } = {}): void {
  const next = { ...place.get(), ...change }
  const url = urlOf(next)
  if (url === urlOf(place.get())) return
  if (replaces) history.replaceState(null, '', url)
  else history.pushState(null, '', url)
  place.set(next)
}

export function urlOf({ view, topic, from }: Place): string {
  const query = new URLSearchParams()
  if (view !== 'overview') query.set('view', view)
  if (topic !== '') query.set('topic', topic)
  if (from !== '') query.set('from', from)
  const text = query.toString()
  return text === '' ? location.pathname : `${location.pathname}?${text}`
}

function read(): Place {
  const query = new URLSearchParams(location.search)
  const topic = query.get('topic') ?? ''
  const from = query.get('from') ?? ''
  const named = views.find((view) => view === query.get('view'))
  return { view: named ?? (topic !== '' || from !== '' ? 'events' : 'overview'), topic, from }
}
