import { createEventSource } from 'eventsource-client'

export async function read(url, hand, { savedId, signal }) {
  const source = createEventSource({ url, ...(savedId && { initialLastEventId: savedId }) })
  signal?.addEventListener('abort', () => source.close())
  for await (const { id, event, data } of source) hand({ id, type: event, data })
}
