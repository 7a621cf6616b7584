import { EventSource } from 'eventsource'

/** The ID comes by the `fetch` that its README has for headers. */
export function read(url, hand, { savedId, signal }) {
  const firstHeaders = savedId && { 'Last-Event-ID': savedId }
  const source = new EventSource(url, {
    fetch: (input, init) => fetch(input, { ...init, headers: { ...firstHeaders, ...init.headers } }),
  })
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
