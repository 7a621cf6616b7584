import { type Channel, createChannel } from '@headwater/sse/server'
import { type Events, guestBookEvents } from './events'

declare global {
  var guestBookChannel: Channel<Events> | undefined
}

/**
 * The one channel of this process, created when it is first used: the dev server evaluates this module
 * anew after each change.
 */
export function guestBook(): Channel<Events> {
  globalThis.guestBookChannel ??= open()
  return globalThis.guestBookChannel
}

/** Sends a note to every open page, and returns its event ID. */
export function write(text: string): string {
  return guestBook().broadcast({ type: 'note', data: { text, at: new Date().toISOString() } })
}

function open(): Channel<Events> {
  const countReaders = (): void => void channel.broadcast({ type: 'readers', data: channel.size })
  const channel = createChannel({ events: guestBookEvents, onSubscribe: countReaders, onUnsubscribe: countReaders })
  // react-router-serve stops when the last response has ended, and an event stream does not end by itself.
  if (import.meta.env.PROD)
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => channel.drain())
  return channel
}
