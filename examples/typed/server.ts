// Rooms with one map of events for server and page. Run: node examples/typed/server.ts
import { createServer } from 'node:http'
import { json } from 'node:stream/consumers'
import { createChannel, createChannels, createSession } from '@headwater/sse/server'
import { build } from 'esbuild'
import { events } from './events.ts'

// A session is in two channels: the one of everybody, and its room. It resumes each exactly.
const everybody = createChannel({ name: 'everybody', events })
const rooms = createChannels({ events })
setInterval(() => everybody.broadcast({ type: 'clock', data: { at: new Date().toISOString() } }), 1000)

const { outputFiles } = await build({
  entryPoints: [new URL('page.ts', import.meta.url).pathname],
  bundle: true,
  format: 'esm',
  write: false,
})
const page = `<!doctype html><meta charset="utf-8"><title>Rooms</title><ul></ul><script type="module">${outputFiles[0]?.text}</script>`

const server = createServer(async (req, res) => {
  const { pathname, searchParams } = new URL(req.url ?? '/', 'http://localhost')
  const room = rooms.get(searchParams.get('room') ?? 'hall')
  if (pathname === '/events') {
    const session = createSession(req, res, { events, state: { name: searchParams.get('name') } })
    everybody.subscribe(session)
    // Nobody gets back what they said themselves.
    room.subscribe(session, { filter: ({ type, data }) => type !== 'said' || data.by !== session.state.name })
    room.broadcast({ type: 'notice', data: `${session.state.name} is here.` }, { except: session })
  } else if (pathname === '/said' && req.method === 'POST') {
    try {
      // What is not as the map says is refused here, before anybody gets it.
      const id = room.broadcast({ type: 'said', data: (await json(req)) as never })
      res.writeHead(201).end(id)
    } catch (error) {
      res.writeHead(400).end((error as Error).message)
    }
  } else if (pathname === '/') {
    res.writeHead(200, { 'Content-Type': 'text/html' }).end(page)
  } else {
    res.writeHead(404).end()
  }
})

server.listen(Number(process.env.PORT ?? 3000), 'localhost', () => {
  const address = server.address()
  if (typeof address === 'object') console.log(`Listening on http://localhost:${address?.port}`)
})

// Ends every stream, telling the clients to come back spread over some seconds.
process.once('SIGTERM', async () => {
  server.close()
  await everybody.drain()
  process.exit()
})
