// What events the stream has: said once, for the server and for the page.
import { defineEvents, text } from '@headwater/sse'
import * as v from 'valibot'

export const events = defineEvents({
  /** Data is JSON. A receiver gets what the schema makes of it: here a Date. */
  clock: v.object({ at: v.pipe(v.string(), v.isoTimestamp(), v.toDate()) }),
  said: v.object({ by: v.string(), words: v.pipe(v.string(), v.maxLength(200)) }),
  /** Sent as it is, without JSON. */
  notice: text(),
})
