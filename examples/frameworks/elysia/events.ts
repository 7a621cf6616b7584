import { defineEvents } from '@headwater/sse'

export type Events = {
  note: { text: string; at: string }
  readers: number
}

/** What the server sends and the page receives, by event type. With schemas, it is checked, too. */
export const guestBookEvents = defineEvents<Events>()
