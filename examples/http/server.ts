// Plain node:http. Run: node examples/http/server.ts
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { createChannel, createSession } from '@headwater/sse/server'

const page = readFileSync(new URL('../page.html', import.meta.url))

// Everyone who listens gets every event; whoever reconnects gets what was missed.
const channel = createChannel()
setInterval(() => channel.broadcast({ type: 'clock', data: new Date() }), 1000)

const server = createServer(async (req, res) => {
  const { pathname } = new URL(req.url ?? '/', 'http://localhost')
  if (pathname === '/events') {
    channel.subscribe(createSession(req, res))
  } else if (pathname === '/messages' && req.method === 'POST') {
    const id = channel.broadcast({ data: await text(req) })
    res.writeHead(201, { 'Content-Type': 'application/json' }).end(JSON.stringify({ id }))
  } else if (pathname === '/') {
    res.writeHead(200, { 'Content-Type': 'text/html' }).end(page)
  } else {
    res.writeHead(404).end()
  }
})

server.listen(Number(process.env.PORT ?? 3000), 'localhost', () => {
  const address = server.address()
  if (typeof address === 'object') console.log(`Listening on http://localhost:${address?.port}`)
})

// Ends every stream, telling the clients to come back spread over some seconds.
process.once('SIGTERM', async () => {
  server.close()
  await channel.drain()
  process.exit()
})
