// A hub inside a Hono 4 application, here on Node. Run: node examples/hub-hono/server.ts
import { readFileSync } from 'node:fs'
import { serve } from '@hono/node-server'
import { createHub, createMemoryStore } from 'headwater'
import { Hono } from 'hono'

const events = '/.well-known/mercure?match=guest-book&match=clock'
const page = readFileSync(new URL('../page.html', import.meta.url), 'utf8').replace('/events', events)

// Give it openSqliteStore({ directory: 'data' }), and the history outlives the process.
const hub = await createHub({
  // Hono's server on Node logs a response that breaks off, as an interrupted stream does, as an error.
  session: { whenInterrupted: 'end' },
  store: createMemoryStore({ maxEvents: 1000 }),
  // Only this program publishes; everybody may subscribe to public events.
  authorize: () => ({}),
})
const clock = hub.topic('clock')
const ticking = setInterval(() => clock.broadcast({ type: 'clock', data: new Date() }), 1000)

const app = new Hono()

app.get('/', (c) => c.html(page))

app.all('/.well-known/*', (c) => hub.fetch(c.req.raw))

app.post('/messages', async (c) => {
  const id = await hub.publish({ topic: 'guest-book', data: await c.req.text() })
  return c.json({ id }, 201)
})

const server = serve(
  { fetch: app.fetch, port: Number(process.env.PORT ?? 3000), hostname: 'localhost' },
  ({ port }) => {
    console.log(`Listening on http://localhost:${port}`)
  },
)

// Finishes publishes, and ends every stream, telling the clients to come back spread over some seconds.
process.once('SIGTERM', async () => {
  // A subscriber that does not read is not waited for longer.
  setTimeout(() => process.exit(), 5000)
  server.close()
  clearInterval(ticking)
  await hub.close()
  // The framework has the last bytes now; it writes them in this turn of the event loop.
  setImmediate(() => process.exit())
})
