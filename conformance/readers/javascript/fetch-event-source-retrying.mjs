import './browser-globals.mjs'
import { fetchEventSource } from '@microsoft/fetch-event-source'

/** As its README goes on: `onclose` throws, so that a response that ends is asked for again. */
export function read(url, hand, { savedId, signal }) {
  return fetchEventSource(url, {
    ...(savedId && { headers: { 'last-event-id': savedId } }),
    signal,
    openWhenHidden: true,
    onmessage: ({ id, event, data }) => hand({ id, type: event, data }),
    onclose() {
      throw new Error('the response ended')
    },
    onerror() {},
  })
}
