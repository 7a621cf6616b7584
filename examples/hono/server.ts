// Hono 4, here on Node; the same app runs wherever Hono does. Run: node examples/hono/server.ts
import { readFileSync } from 'node:fs'
import { createChannel } from '@headwater/sse/server'
import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { eventSession } from './event-session.ts'

const page = readFileSync(new URL('../page.html', import.meta.url), 'utf8')

// Everyone who listens gets every event; whoever reconnects gets what was missed.
const channel = createChannel()
setInterval(() => channel.broadcast({ type: 'clock', data: new Date() }), 1000)

const app = new Hono()

app.get('/', (c) => c.html(page))

app.get('/events', (c) => eventSession(c, (session) => channel.subscribe(session)))

app.post('/messages', async (c) => {
  const id = channel.broadcast({ data: await c.req.text() })
  return c.json({ id }, 201)
})

const server = serve(
  { fetch: app.fetch, port: Number(process.env.PORT ?? 3000), hostname: 'localhost' },
  ({ port }) => {
    console.log(`Listening on http://localhost:${port}`)
  },
)

// Ends every stream, telling the clients to come back spread over some seconds.
process.once('SIGTERM', async () => {
  server.close()
  await channel.drain()
  // The framework has the last bytes now; it writes them in this turn of the event loop.
  setImmediate(() => process.exit())
})
