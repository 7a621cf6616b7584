import { EventSource } from 'launchdarkly-eventsource'

/** A header of one's own would be sent at each attempt, so a saved ID goes into the query. */
export function read(url, hand, { savedId, signal }) {
  const asked = new URL(url)
  if (savedId) asked.searchParams.set('last_event_id', savedId)
  const source = new EventSource(asked.href)
  source.onmessage = ({ type, data, lastEventId }) => hand({ id: lastEventId, type, data })
  // Without a listener, an error ends the program.
  source.onerror = () => {}
  return new Promise((resolve) => {
    source.onclosed = resolve
    signal?.addEventListener('abort', () => {
      source.close()
      resolve()
    })
  })
}
