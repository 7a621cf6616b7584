// A hub inside a Fastify 5 application. Run: node examples/hub-fastify/server.ts
import { readFileSync } from 'node:fs'
import Fastify from 'fastify'
import { createHub, createMemoryStore } from 'headwater'

const topic = 'guest-book'
const events = `/.well-known/mercure?match=${topic}`
const page = readFileSync(new URL('../page.html', import.meta.url), 'utf8').replace('/events', events)

// Give it openSqliteStore({ directory: 'data' }), and the history outlives the process.
const hub = await createHub({
  store: createMemoryStore({ maxEvents: 1000 }),
  // Only this program publishes; everybody may subscribe to public events.
  authorize: () => ({}),
})
const ticking = setInterval(() => hub.publish({ topic, type: 'clock', data: JSON.stringify(new Date()) }), 1000)

// Idle connections of browsers are no reason to go on when asked to stop.
const app = Fastify({ forceCloseConnections: true })

app.get('/', (_request, reply) => reply.type('text/html').send(page))

app.register(async (app) => {
  app.addContentTypeParser('*', { parseAs: 'string' }, (_request, body, done) => done(null, body))
  app.post('/messages', async (request, reply) => {
    const id = await hub.publish({ topic, data: String(request.body) })
    return reply.code(201).send({ id })
  })
})

app.register(async (app) => {
  // The hub reads bodies itself.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _body, done) => done(null))
  app.all('/.well-known/mercure', (request, reply) => {
    // From here on the response is the hub's.
    reply.hijack()
    return hub.handler(request.raw, reply.raw)
  })
})

// Finishes publishes, and ends every stream, telling the clients to come back spread over some seconds.
app.addHook('preClose', () => {
  clearInterval(ticking)
  return hub.close()
})

process.once('SIGTERM', async () => {
  // A subscriber that does not read is not waited for longer.
  setTimeout(() => process.exit(), 5000)
  await app.close()
  process.exit()
})

console.log(`Listening on ${await app.listen({ port: Number(process.env.PORT ?? 3000), host: 'localhost' })}`)
