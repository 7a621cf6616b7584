import { createSession } from '@headwater/sse/server'

export default defineEventHandler((event) => {
  // From here on the response is ours: h3 v1 would not notice when the client leaves.
  event._handled = true
  channel.subscribe(createSession(event.node.req, event.node.res))
})
