// A hub inside an Express 5 application. Run: node examples/hub-express/server.ts
import { readFileSync } from 'node:fs'
import express from 'express'
import { createHub, createMemoryStore, exactTopic } from 'headwater'

const topic = 'guest-book'
const events = `/.well-known/mercure?match=${topic}`
const page = readFileSync(new URL('../page.html', import.meta.url), 'utf8').replace('/events', events)

// Give it openSqliteStore({ directory: 'data' }), and the history outlives the process.
const hub = await createHub({
  store: createMemoryStore({ maxEvents: 1000 }),
  // Who may do what is up to the application: here a header names the user. Everybody may have what is public.
  authorize(request) {
    const user = request.header('x-user')
    return user === undefined ? {} : { publish: [exactTopic(topic)], subscribe: [exactTopic(`users/${user}`)] }
  },
})
const ticking = setInterval(() => hub.publish({ topic, type: 'clock', data: JSON.stringify(new Date()) }), 1000)

const app = express()

// Before body parsers: it answers /.well-known/mercure and what is below it, and passes on the rest.
app.use(hub.handler)

app.get('/', (_req, res) => {
  res.type('html').send(page)
})

app.post('/messages', express.text({ type: '*/*' }), async (req, res) => {
  const id = await hub.publish({ topic, data: req.body })
  res.status(201).json({ id })
})

const server = app.listen(Number(process.env.PORT ?? 3000), 'localhost', () => {
  const address = server.address()
  if (typeof address === 'object') console.log(`Listening on http://localhost:${address?.port}`)
})

// Finishes publishes, and ends every stream, telling the clients to come back spread over some seconds.
process.once('SIGTERM', async () => {
  // A subscriber that does not read is not waited for longer.
  setTimeout(() => process.exit(), 5000)
  server.close()
  clearInterval(ticking)
  await hub.close()
  process.exit()
})
