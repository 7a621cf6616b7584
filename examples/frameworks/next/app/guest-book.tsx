'use client'

import { events } from '@headwater/sse/client'
import { type FormEvent, useEffect, useState } from 'react'
import { guestBookEvents } from '../lib/events'

export function GuestBook(urls: { events: string; notes: string }) {
  const [state, setState] = useState('connecting')
  const [readers, setReaders] = useState(0)
  const [lines, setLines] = useState<{ id: string; text: string }[]>([])

  useEffect(() => {
    const show = (id: string, text: string) => setLines((lines) => [{ id, text }, ...lines])
    const stream = events(urls.events, {
      events: guestBookEvents,
      retry: {}, // after a 502 or 503, too, which proxies answer while the server restarts
      onState: ({ name }) => setState(name),
      onGap: (_gap, id) => show(id, 'Some notes from before are gone.'),
    })
    const listen = async () => {
      for await (const { type, data, lastEventId } of stream) {
        if (type === 'note') show(lastEventId, data.text)
        if (type === 'readers') setReaders(data)
      }
    }
    listen()
    return () => stream.close()
  }, [urls.events])

  async function send(submit: FormEvent<HTMLFormElement>) {
    submit.preventDefault()
    const form = submit.currentTarget
    const response = await fetch(urls.notes, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ text: new FormData(form).get('text') }),
    })
    if (response.ok) form.reset()
  }

  return (
    <main>
      <h1>Guest book</h1>
      <p>
        <span id="state">{state}</span>, read by <span id="readers">{readers}</span>
      </p>
      <form onSubmit={send}>
        <input name="text" required autoComplete="off" />
        <button type="submit">Send</button>
      </form>
      <ul id="lines">
        {lines.map(({ id, text }) => (
          <li key={id}>{text}</li>
        ))}
      </ul>
    </main>
  )
}
