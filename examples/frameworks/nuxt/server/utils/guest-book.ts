import { createChannel } from '@headwater/sse/server'

const countReaders = (): void => void channel.broadcast({ type: 'readers', data: channel.size })

/** The one channel of this process. Nitro bundles the server once. */
export const channel = createChannel({
  events: guestBookEvents,
  onSubscribe: countReaders,
  onUnsubscribe: countReaders,
})

/** Sends a note to every open page, and returns its event ID. */
export function write(text: string): string {
  return channel.broadcast({ type: 'note', data: { text, at: new Date().toISOString() } })
}
