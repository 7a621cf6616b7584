// A hub inside a Deno server. Run: deno run --allow-net --allow-read --allow-env examples/hub-deno/server.ts
import { createHub, createMemoryStore } from 'headwater'

const topic = 'guest-book'
const page = await Deno.readTextFile(new URL('../page.html', import.meta.url))
const html = page.replace('/events', `/.well-known/mercure?match=${topic}`)

const hub = await createHub({
  store: createMemoryStore({ maxEvents: 1000 }),
  // Only this program publishes; everybody may subscribe to public events.
  authorize: () => ({}),
})
const ticking = setInterval(() => hub.publish({ topic, type: 'clock', data: JSON.stringify(new Date()) }), 1000)

const options = {
  port: Number(Deno.env.get('PORT') ?? 3000),
  hostname: 'localhost',
  onListen: ({ port }: { port: number }) => console.log(`Listening on http://localhost:${port}`),
}

const server = Deno.serve(options, async (request, { remoteAddr }) => {
  const { pathname } = new URL(request.url)
  // With the address of the client, so that limits per address hold.
  if (pathname.startsWith('/.well-known/')) return hub.fetch(request, { remoteAddress: remoteAddr.hostname })
  if (pathname === '/messages' && request.method === 'POST') {
    const id = await hub.publish({ topic, data: await request.text() })
    return Response.json({ id }, { status: 201 })
  }
  if (pathname === '/') return new Response(html, { headers: { 'Content-Type': 'text/html' } })
  return new Response(null, { status: 404 })
})

// Finishes publishes, and ends every stream, telling the clients to come back spread over some seconds.
Deno.addSignalListener('SIGTERM', async () => {
  // A subscriber that does not read is not waited for longer.
  setTimeout(() => Deno.exit(), 5000)
  clearInterval(ticking)
  await hub.close()
  await server.shutdown()
  Deno.exit()
})
