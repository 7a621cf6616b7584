// Quotes as an Observable in the page. Run: node examples/rxjs/server.ts
import { createServer } from 'node:http'
import { json } from 'node:stream/consumers'
import { createChannel, createSession } from '@headwater/sse/server'
import { build } from 'esbuild'
import { events } from './events.ts'

const channel = createChannel({ events })
setInterval(() => channel.broadcast({ type: 'quote', data: { symbol: 'ACME', price: Math.random() * 99 } }), 1000)

const { outputFiles } = await build({
  entryPoints: [new URL('page.ts', import.meta.url).pathname],
  bundle: true,
  format: 'esm',
  write: false,
})
const page = `<!doctype html><meta charset="utf-8"><title>Quotes</title><body><script type="module">${outputFiles[0]?.text}</script>`

const server = createServer(async (req, res) => {
  if (req.url === '/quotes' && req.method === 'POST') {
    try {
      res.writeHead(201).end(channel.broadcast({ type: 'quote', data: (await json(req)) as never }))
    } catch (error) {
      res.writeHead(400).end((error as Error).message)
    }
  } else if (req.url === '/quotes') {
    channel.subscribe(createSession(req, res, { events }))
  } else if (req.url === '/') {
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
