import app from '@adonisjs/core/services/app'
import { createChannel } from '@headwater/sse/server'
import { guestBookEvents } from '../events.js'

const countReaders = (): void => void channel.broadcast({ type: 'readers', data: channel.size })

/** Every open page gets every event; one that reconnects gets what it missed. */
export const channel = createChannel({
  events: guestBookEvents,
  onSubscribe: countReaders,
  onUnsubscribe: countReaders,
})

/** Sends a note to every open page, and returns its event ID. */
export function write(text: string): string {
  return channel.broadcast({ type: 'note', data: { text, at: new Date().toISOString() } })
}

// Ends every stream, telling the clients to come back spread over some seconds. Adonis waits for the last response, and
// calls what was registered last first: before its server is ready, this would wait for itself.
app.ready(() => {
  app.terminating(() => channel.drain())
})
