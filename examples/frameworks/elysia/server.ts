import { createChannel, createResponse } from '@headwater/sse/server'
import { Elysia, t } from 'elysia'
import { guestBookEvents } from './events.ts'
import page from './page/index.html'

// Every open page gets every event; one that reconnects gets what it missed.
const countReaders = (): void => void channel.broadcast({ type: 'readers', data: channel.size })
const channel = createChannel({ events: guestBookEvents, onSubscribe: countReaders, onUnsubscribe: countReaders })

const app = new Elysia()
  .get('/', page)
  .get('/api/events', ({ request }) =>
    createResponse(request, (session) => {
      channel.subscribe(session)
    }),
  )
  .post(
    '/api/notes',
    ({ body: { text }, status }) => {
      const id = channel.broadcast({ type: 'note', data: { text, at: new Date().toISOString() } })
      return status(201, { id })
    },
    { body: t.Object({ text: t.String() }) },
  )
  .listen(process.env.PORT ?? 3000)

// Ends every stream, telling the clients to come back spread over some seconds.
process.once('SIGTERM', async () => {
  await channel.drain()
  await app.stop()
  process.exit()
})
