import { createEventStream, H3 } from 'h3'
import { serve } from 'srvx'
import { host, join, report } from '../feed.mjs'

const app = new H3()
app.get('/report', () => report())
app.get('/events', (event) => {
  const stream = createEventStream(event)
  stream.onClosed(join((data) => void stream.push(data)))
  return stream.send()
})
const server = serve({ fetch: app.fetch, port: 0, hostname: host, silent: true })
await server.ready()
console.log(`port ${new URL(server.url).port}`)
