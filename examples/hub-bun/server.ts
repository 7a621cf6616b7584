// A hub inside a Bun server. Run: bun examples/hub-bun/server.ts
import { createHub, createMemoryStore } from 'headwater'

const topic = 'guest-book'
const page = await Bun.file(new URL('../page.html', import.meta.url)).text()
const html = page.replace('/events', `/.well-known/mercure?match=${topic}`)

const hub = await createHub({
  store: createMemoryStore({ maxEvents: 1000 }),
  // Only this program publishes; everybody may subscribe to public events.
  authorize: () => ({}),
})
const ticking = setInterval(() => hub.publish({ topic, type: 'clock', data: JSON.stringify(new Date()) }), 1000)

const server = Bun.serve({
  port: Number(process.env.PORT ?? 3000),
  hostname: 'localhost',
  routes: {
    '/': () => new Response(html, { headers: { 'Content-Type': 'text/html' } }),
    // With the address of the client, so that limits per address hold.
    '/.well-known/*': (request, server) => hub.fetch(request, { remoteAddress: server.requestIP(request)?.address }),
    '/messages': {
      POST: async (request) => {
        const id = await hub.publish({ topic, data: await request.text() })
        return Response.json({ id }, { status: 201 })
      },
    },
  },
})
console.log(`Listening on ${server.url}`)

// Finishes publishes, and ends every stream, telling the clients to come back spread over some seconds.
process.once('SIGTERM', async () => {
  // A subscriber that does not read is not waited for longer.
  setTimeout(() => process.exit(), 5000)
  clearInterval(ticking)
  await hub.close()
  await server.stop()
  process.exit()
})
