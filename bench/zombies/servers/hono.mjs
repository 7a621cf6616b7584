import { Hono } from 'hono'
import { streamSSE } from 'hono/streaming'
import { join, report } from '../feed.mjs'
import { serveFetch } from '../serve-fetch.mjs'

const app = new Hono()
app.get('/report', (c) => c.body(report()))
app.get('/events', (c) =>
  streamSSE(c, async (stream) => {
    const leave = join((data) => void stream.writeSSE({ data }))
    await new Promise((resolve) => stream.onAbort(resolve))
    leave()
  }),
)
await serveFetch(app.fetch)
