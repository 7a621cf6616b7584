// The page's script: it has the same map as the server, so `data` has a type, and is checked.
import { EventSource } from '@headwater/sse/client'
import { events } from './events.ts'

const list = document.querySelector('ul')
const show = (line: string) => {
  list?.prepend(Object.assign(document.createElement('li'), { textContent: line }))
}

const source = new EventSource(`/events${location.search}`, {
  events,
  // Events that are not what the map says, of a newer server perhaps, are left out.
  onInvalid: ({ error }) => console.error(error.message),
})
source.addEventListener('clock', ({ data }) => {
  document.title = data.at.toLocaleTimeString()
})
source.addEventListener('said', ({ data }) => show(`${data.by}: ${data.words}`))
source.addEventListener('notice', ({ data }) => show(data))
