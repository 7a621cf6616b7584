import './browser-globals.mjs'
import { fetchEventSource } from '@microsoft/fetch-event-source'

/** As its README begins: a response that ends is the end. */
export function read(url, hand, { savedId, signal }) {
  return fetchEventSource(url, {
    ...(savedId && { headers: { 'last-event-id': savedId } }),
    signal,
    openWhenHidden: true,
    onmessage: ({ id, event, data }) => hand({ id, type: event, data }),
  })
}
