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
  // Astro's server does not listen for signals. This ends every stream, telling the clients to come back spread over
  // some seconds.
  if (import.meta.env.PROD) {
    process.once('SIGTERM', async () => {
      await channel.drain()
      process.exit()
    })
  }
  return channel
}
