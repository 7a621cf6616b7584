import { defineEvents } from '@headwater/sse'
import * as v from 'valibot'

export const events = defineEvents({
  quote: v.object({ symbol: v.string(), price: v.number() }),
})
