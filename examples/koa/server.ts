// Koa 3. Run: node examples/koa/server.ts
import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { createChannel, createSession } from '@headwater/sse/server'
import Koa from 'koa'

const page = readFileSync(new URL('../page.html', import.meta.url), 'utf8')

// Everyone who listens gets every event; whoever reconnects gets what was missed.
const channel = createChannel()
setInterval(() => channel.broadcast({ type: 'clock', data: new Date() }), 1000)

const app = new Koa()

app.use(async (ctx) => {
  if (ctx.path === '/events') {
    // From here on the response is ours.
    ctx.respond = false
    channel.subscribe(createSession(ctx.req, ctx.res))
  } else if (ctx.path === '/messages' && ctx.method === 'POST') {
    const id = channel.broadcast({ data: await text(ctx.req) })
    ctx.status = 201
    ctx.body = { id }
  } else if (ctx.path === '/') {
    ctx.type = 'html'
    ctx.body = page
  }
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
