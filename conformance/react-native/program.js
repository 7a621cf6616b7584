import './globals.js'
import 'whatwg-fetch'
import { createParser, encodeEvent } from '@headwater/sse'
import { appStateReturn, events } from '@headwater/sse/client'
import { cut, half, scriptedFetch } from '@headwater/sse/testing'

const missing = [
  'Event',
  'EventTarget',
  'MessageEvent',
  'DOMException',
  'ReadableStream',
  'TransformStream',
  'document',
]
console.log(`without ${missing.filter((name) => globalThis[name] === undefined).join(', ')}`)

async function main() {
  createParser({ onEvent: ({ type, data }) => console.log(`parser: ${type} ${data}`) }).feed(
    encodeEvent({ type: 'note', data: 'two\nlines' }),
  )

  const fetch = scriptedFetch([
    ['retry: 1\n', { data: 'one €', id: '1' }, half({ data: 'lost', id: '2' }), cut()],
    { status: 503 },
    [{ data: 'two', id: '2' }],
    [{ data: 'three', id: '3' }],
    [],
  ])
  const listeners = new Set()
  const AppState = {
    addEventListener(_type, listener) {
      listeners.add(listener)
      return { remove: () => listeners.delete(listener) }
    },
  }
  const states = []
  const controller = new AbortController()
  const stream = events('https://example.com/events', {
    fetch,
    retry: { backoffMs: 1 },
    reconnectOn: appStateReturn(AppState, 0),
    signal: controller.signal,
    headers: async () => ({ authorization: 'Bearer a' }),
    onState: ({ name, failure }) => states.push(failure ? `${name} ${failure.code}` : name),
  })
  console.log(`events: ${(await stream.next()).value.data}, ${(await stream.next()).value.data}`)
  const third = stream.next()
  for (const listener of listeners) listener('background')
  for (const listener of listeners) listener('active')
  console.log(`after a return: ${(await third).value.data}`)
  console.log(`states: ${states.join(', ')}`)
  console.log(
    `requests: ${fetch.requests.map(({ lastEventId, headers }) => `${lastEventId || '-'} ${headers.authorization}`).join(', ')}`,
  )
  const fourth = stream.next()
  controller.abort()
  await fourth.catch((error) => console.log(`aborted: ${error.name}`))
  console.log(`listeners left: ${listeners.size}`)
}

main().catch((error) => console.log(`FAILED ${error} ${error.stack}`))
