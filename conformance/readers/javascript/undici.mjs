import { EventSource } from 'undici'

/** It takes no headers: a saved ID goes into the query. */
export function read(url, hand, { savedId, signal }) {
  const asked = new URL(url)
  if (savedId) asked.searchParams.set('last_event_id', savedId)
  const source = new EventSource(asked.href)
  source.onmessage = ({ type, data, lastEventId }) => hand({ id: lastEventId, type, data })
  return new Promise((resolve) => {
    const end = () => {
      source.close()
      resolve()
    }
    source.onerror = () => source.readyState === EventSource.CLOSED && end()
    signal?.addEventListener('abort', end)
  })
}
