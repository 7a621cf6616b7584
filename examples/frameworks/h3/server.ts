import { readFile } from 'node:fs/promises'
import { createChannel, createResponse } from '@headwater/sse/server'
import { H3, serve } from 'h3'
import { guestBookEvents } from './events.ts'

// Every open page gets every event; one that reconnects gets what it missed.
const countReaders = (): void => void channel.broadcast({ type: 'readers', data: channel.size })
const channel = createChannel({ events: guestBookEvents, onSubscribe: countReaders, onUnsubscribe: countReaders })

const app = new H3()

app.get('/api/events', (event) =>
  createResponse(event.req, (session) => {
    channel.subscribe(session)
  }),
)

app.post('/api/notes', async (event) => {
  const { text } = (await event.req.json()) as { text: unknown }
  return Response.json(
    { id: channel.broadcast({ type: 'note', data: { text: String(text), at: new Date().toISOString() } }) },
    { status: 201 },
  )
})

const file = (name: string, type: string) => async () =>
  new Response(await readFile(new URL(`./public/${name}`, import.meta.url)), { headers: { 'content-type': type } })

app.get('/', file('index.html', 'text/html'))
app.get('/main.js', file('main.js', 'text/javascript'))

const server = serve(app, { port: Number(process.env.PORT ?? 3000), gracefulShutdown: false })

// Ends every stream, telling the clients to come back spread over some seconds. What h3 does by itself at SIGTERM
// waits 5 s for open streams, and in CI does nothing.
process.once('SIGTERM', async () => {
  const closed = server.close()
  await channel.drain()
  await closed
  process.exit()
})
