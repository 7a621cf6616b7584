// Deno. Run: deno run --allow-net --allow-read --allow-env examples/deno/server.ts
import { createChannel, createResponse } from '@headwater/sse/server'

const page = await Deno.readTextFile(new URL('../page.html', import.meta.url))

// Everyone who listens gets every event; whoever reconnects gets what was missed.
const channel = createChannel()
setInterval(() => channel.broadcast({ type: 'clock', data: new Date() }), 1000)

const options = {
  port: Number(Deno.env.get('PORT') ?? 3000),
  hostname: 'localhost',
  onListen: ({ port }: { port: number }) => console.log(`Listening on http://localhost:${port}`),
}

const server = Deno.serve(options, async (request) => {
  const { pathname } = new URL(request.url)
  if (pathname === '/events') return createResponse(request, (session) => channel.subscribe(session))
  if (pathname === '/messages' && request.method === 'POST') {
    const id = channel.broadcast({ data: await request.text() })
    return Response.json({ id }, { status: 201 })
  }
  if (pathname === '/') return new Response(page, { headers: { 'Content-Type': 'text/html' } })
  return new Response(null, { status: 404 })
})

// Ends every stream, telling the clients to come back spread over some seconds.
Deno.addSignalListener('SIGTERM', async () => {
  await channel.drain()
  await server.shutdown()
  Deno.exit()
})
