import { type Channel, createChannel } from '@headwater/sse/server'
import { type Events, guestBookEvents } from '#lib/events.ts'
import { dev } from '$app/env'

declare global {
  var guestBookChannel: Channel<Events> | undefined
}

/**
 * The one channel of this process, created when it is first used: the build evaluates this module,
 * too, and `vite dev` evaluates it anew after each change.
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
  // adapter-node stops when the last response has ended, and cuts off what is left after SHUTDOWN_TIMEOUT, 30 s.
  if (!dev) for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => channel.drain())
  return channel
}
