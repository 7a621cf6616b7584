import { events } from '@headwater/sse/client'
import { guestBookEvents } from '../app/events.js'

const element = (id: string) => document.getElementById(id) as HTMLElement
const show = (line: string) =>
  element('lines').prepend(Object.assign(document.createElement('li'), { textContent: line }))

const stream = events('/api/events', {
  events: guestBookEvents,
  retry: {}, // after a 502 or 503, too, which proxies answer while the server restarts
  onState: ({ name }) => {
    element('state').textContent = name
  },
  onGap: () => show('Some notes from before are gone.'),
})

const form = document.forms[0]!
form.onsubmit = async (submit) => {
  submit.preventDefault()
  const response = await fetch('/api/notes', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ text: new FormData(form).get('text') }),
  })
  if (response.ok) form.reset()
}

for await (const { type, data } of stream) {
  if (type === 'note') show(data.text)
  if (type === 'readers') element('readers').textContent = String(data)
}
