// Express 5. Run: node examples/express/server.ts
import { fileURLToPath } from 'node:url'
import { createChannel, createSession } from '@headwater/sse/server'
import express from 'express'

// Everyone who listens gets every event; whoever reconnects gets what was missed.
const channel = createChannel()
setInterval(() => channel.broadcast({ type: 'clock', data: new Date() }), 1000)

const app = express()

app.get('/', (_req, res) => {
  res.sendFile(fileURLToPath(new URL('../page.html', import.meta.url)))
})

app.get('/events', (req, res) => {
  channel.subscribe(createSession(req, res))
})

app.post('/messages', express.text({ type: '*/*' }), (req, res) => {
  const id = channel.broadcast({ data: req.body })
  res.status(201).json({ id })
})

const server = app.listen(Number(process.env.PORT ?? 3000), 'localhost', () => {
  const address = server.address()
  if (typeof address === 'object') console.log(`Listening on http://localhost:${address?.port}`)
})

// Ends every stream, telling the clients to come back spread over some seconds.
process.once('SIGTERM', async () => {
  server.close()
  await channel.drain()
  process.exit()
})
