// HTTP/2 over TLS, where one connection carries every stream of a browser: no limit of six tabs.
// Run: node examples/http2/server.ts
// The certificate next to this file is for trying out only. Its key is public, and browsers warn of it, rightly.
import { readFileSync } from 'node:fs'
import { createSecureServer } from 'node:http2'
import { text } from 'node:stream/consumers'
import { createChannel, createSession } from '@headwater/sse/server'

const file = (name: string) => readFileSync(new URL(name, import.meta.url))
const page = file('../page.html')

// Everyone who listens gets every event; whoever reconnects gets what was missed.
const channel = createChannel()
setInterval(() => channel.broadcast({ type: 'clock', data: new Date() }), 1000)

// allowHTTP1: sessions are the same for clients that do not speak HTTP/2.
const options = { key: file('localhost-key.pem'), cert: file('localhost-certificate.pem'), allowHTTP1: true }

const server = createSecureServer(options, async (req, res) => {
  const { pathname } = new URL(req.url, 'https://localhost')
  if (pathname === '/events') {
    channel.subscribe(createSession(req, res))
  } else if (pathname === '/messages' && req.method === 'POST') {
    const id = channel.broadcast({ data: await text(req) })
    res.writeHead(201, { 'Content-Type': 'application/json' })
    res.end(JSON.stringify({ id }))
  } else if (pathname === '/') {
    res.writeHead(200, { 'Content-Type': 'text/html' })
    res.end(page)
  } else {
    res.writeHead(404)
    res.end()
  }
})

server.listen(Number(process.env.PORT ?? 3000), 'localhost', () => {
  const address = server.address()
  if (typeof address === 'object') console.log(`Listening on https://localhost:${address?.port}`)
})

// Ends every stream, telling the clients to come back spread over some seconds.
process.once('SIGTERM', async () => {
  server.close()
  await channel.drain()
  process.exit()
})
