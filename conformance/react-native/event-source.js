// With the three globals that a page has and React Native has not, put there before the client is loaded.
import './globals.js'
import 'whatwg-fetch'
import { cut, scriptedFetch } from '@headwater/sse/testing'
import { Event, EventTarget } from 'event-target-shim'

globalThis.Event = Event
globalThis.EventTarget = EventTarget
globalThis.MessageEvent = class MessageEvent extends Event {
  constructor(type, { data, origin, lastEventId }) {
    super(type)
    Object.assign(this, { data, origin, lastEventId })
  }
}
import('@headwater/sse/client')
  .then(({ EventSource }) => {
    const fetch = scriptedFetch([['retry: 1\n', { type: 'tick', data: '1', id: '7' }], [{ data: 'two' }]])
    const source = new EventSource('https://example.com/events', { fetch })
    source.onopen = () => console.log(`open ${source.readyState}`)
    source.addEventListener('tick', async ({ data, lastEventId, origin }) => {
      console.log(`tick ${data} #${lastEventId} of ${origin}`)
      await (await fetch.connection(1)).send(cut())
    })
    source.onerror = ({ code, willRetry, message }) =>
      console.log(`error ${code} ${willRetry}${code === 'NETWORK_ERROR' ? '' : message}`)
    source.onmessage = ({ data, lastEventId }) => {
      console.log(`message ${data} #${lastEventId}`)
      source.close()
    }
  })
  .catch((error) => console.log(`FAILED ${error} ${error.stack}`))
