// Bun. Run: bun examples/bun/server.ts
import { createChannel, createResponse } from '@headwater/sse/server'

// Everyone who listens gets every event; whoever reconnects gets what was missed.
const channel = createChannel()
setInterval(() => channel.broadcast({ type: 'clock', data: new Date() }), 1000)

const server = Bun.serve({
  port: Number(process.env.PORT ?? 3000),
  hostname: 'localhost',
  routes: {
    '/': () => new Response(Bun.file(new URL('../page.html', import.meta.url))),
    '/events': (request) => createResponse(request, (session) => channel.subscribe(session)),
    '/messages': {
      POST: async (request) => {
        const id = channel.broadcast({ data: await request.text() })
        return Response.json({ id }, { status: 201 })
      },
    },
  },
})
console.log(`Listening on ${server.url}`)

// Ends every stream, telling the clients to come back spread over some seconds.
process.once('SIGTERM', async () => {
  await channel.drain()
  await server.stop()
  process.exit()
})
