import sse from '@fastify/sse'
import fastify from 'fastify'
import { host, join, report } from '../feed.mjs'

const app = fastify()
await app.register(sse)
app.get('/report', async () => report())
app.get('/events', { sse: 'only' }, async (_request, { sse: stream }) => {
  stream.keepAlive()
  stream.sendHeaders()
  // A client that has left is no error: what is left of it is what the bench looks at.
  stream.onClose(join((data) => void stream.send({ data }).catch(() => {})))
})
await app.listen({ port: 0, host })
console.log(`port ${app.server.address().port}`)
