// Fastify 5. Run: node examples/fastify/server.ts
import { readFileSync } from 'node:fs'
import { createChannel } from '@headwater/sse/server'
import Fastify from 'fastify'
import { eventSessions } from './event-sessions.ts'

const page = readFileSync(new URL('../page.html', import.meta.url))

// Everyone who listens gets every event; whoever reconnects gets what was missed.
const channel = createChannel()
setInterval(() => channel.broadcast({ type: 'clock', data: new Date() }), 1000)

// Idle connections of browsers are no reason to go on when asked to stop.
const app = Fastify({ forceCloseConnections: true })
app.register(eventSessions)
app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body))

app.get('/', (_request, reply) => reply.type('text/html').send(page))

app.get('/events', (_request, reply) => {
  channel.subscribe(reply.openSession())
})

app.post('/messages', (request, reply) => {
  const id = channel.broadcast({ data: request.body })
  return reply.code(201).send({ id })
})

// Ends every stream, too, telling the clients to come back spread over some seconds.
process.once('SIGTERM', async () => {
  await app.close()
  process.exit()
})

console.log(`Listening on ${await app.listen({ port: Number(process.env.PORT ?? 3000), host: 'localhost' })}`)
