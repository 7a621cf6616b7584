// A chat whose answers outlive everything: a refresh, a lost network, the model's process, this one.
// Run: node examples/chat/server.ts
import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { createHub, everyTopic, openSqliteStore } from 'headwater'

const page = readFileSync(new URL('page.html', import.meta.url))
const producer = fileURLToPath(new URL('producer.ts', import.meta.url))
const secret = process.env.SECRET ?? 'only for this example'

const hub = await createHub({
  store: await openSqliteStore({ directory: process.env.DATA ?? 'chat-data' }),
  // Over the hub's own routes, only the producers write, and nobody reads: readers come by /chat below.
  authorize: ({ header }) => (header('authorization') === `Bearer ${secret}` ? { publish: [everyTopic] } : undefined),
})

const server = createServer(async (req, res) => {
  const { pathname } = new URL(req.url ?? '/', 'http://localhost')
  const [, id] = /^\/chat\/([\w-]+)$/.exec(pathname) ?? []
  if (pathname === '/') {
    res.writeHead(200, { 'Content-Type': 'text/html' }).end(page)
  } else if (pathname === '/ask' && req.method === 'POST') {
    const stream = hub.stream(`chat/${randomUUID()}`)
    // The question is the first event. Once it is stored, the page may know the name.
    await stream.write(await text(req), { type: 'question' })
    produce(stream.name)
    res.writeHead(201, { 'Content-Type': 'text/plain' }).end(stream.name.slice('chat/'.length))
  } else if (id !== undefined && req.method === 'GET') {
    await hub.stream(`chat/${id}`).answer(req, res)
  } else if (id !== undefined && req.method === 'DELETE') {
    await hub.stream(`chat/${id}`).stop('You stopped it.')
    res.writeHead(204).end()
  } else {
    hub.handler(req, res, () => res.writeHead(404).end())
  }
})

server.listen(Number(process.env.PORT ?? 3000), 'localhost', async () => {
  const address = server.address()
  if (typeof address !== 'object') return
  console.log(`Listening on http://localhost:${address?.port}`)
  // What this process, killed in the middle, has left: a producer that is alive is replaced, a dead one too.
  for (const name of await hub.openStreams()) produce(name)
})

/** The model runs in a process of its own. If that dies, another takes over and goes on where it stopped. */
function produce(name: string): void {
  const address = server.address()
  if (address === null || typeof address === 'string') return
  const url = `http://localhost:${address.port}${hub.path}/headwater/v1/streams/${encodeURIComponent(name)}`
  const child = spawn(process.execPath, [producer, url], { env: { ...process.env, SECRET: secret }, stdio: 'inherit' })
  console.log(`Process ${child.pid} answers ${name}`)
  child.once('exit', (code) => {
    if (code !== 0) produce(name)
  })
}

process.once('SIGTERM', async () => {
  server.close()
  await hub.close()
  process.exit()
})
