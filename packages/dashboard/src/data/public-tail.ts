import { hubUrl } from './hub.ts'
import { type LiveState, openLive } from './live.ts'
import { type Looking, matchOf } from './selection.ts'
import { createStore, type Store } from './store.ts'
import type { Row, Tail } from './tail.ts'

const maxRows = 500
const historyEvents = 200

/**
 * What any subscriber gets, for who may not look at the whole hub: public events, without their topics, and with the
 * time at which they arrived.
 */
export function openPublicTail(looking: Looking): Tail {
  const rows = createStore<readonly Row[]>([])
  const state: Store<LiveState> = createStore<LiveState>({ name: 'connecting' })
  const problem = createStore<unknown>(undefined)
  let arrived = 0
  const [name, value] = matchOf(looking.topic)
  const close = openLive({
    url(lastEventId) {
      const url = new URL(hubUrl)
      url.searchParams.set(name, value)
      if (lastEventId === '') url.searchParams.set('last_event_id', `-${historyEvents}`)
      return url
    },
    onState(next) {
      state.set(next)
      problem.set(next.name === 'refused' ? next.refusal : undefined)
    },
    onEvent({ type, data, lastEventId: id }) {
      if (type === 'vitals' && !looking.hasVitals && looking.topic !== 'vitals') return
      arrived++
      const bytes = new TextEncoder().encode(data).length
      const topics = name === 'match' && value !== '*' ? [value] : ['']
      const event = {
        position: 0,
        at: Date.now(),
        id,
        topics,
        type,
        private: false,
        retry: null,
        bytes,
        data,
        isCut: false,
      }
      rows.set([{ name: 'event' as const, key: `p${arrived}`, event }, ...rows.get()].slice(0, maxRows))
    },
  })
  return { rows, state, problem, looking, close }
}
