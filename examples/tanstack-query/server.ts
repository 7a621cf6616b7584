// Tasks that are loaded once and followed by events. Run: node examples/tanstack-query/server.ts
import { createServer } from 'node:http'
import { json } from 'node:stream/consumers'
import { createChannel, createSession } from '@headwater/sse/server'
import { build } from 'esbuild'
import { events, type Task } from './events.ts'

const tasks: Task[] = []
const channel = createChannel({ events, history: { maxEvents: 1000 } })
let lastEventId = ''

/** Adds or changes a task. The list and the ID of its last event change in one step. */
function put(task: Task): void {
  lastEventId = channel.broadcast({ type: 'task', data: task })
  tasks[task.id] = task
}

const { outputFiles } = await build({
  entryPoints: [new URL('page.tsx', import.meta.url).pathname],
  bundle: true,
  format: 'esm',
  jsx: 'automatic',
  define: { 'process.env.NODE_ENV': '"development"' },
  write: false,
})
const page = `<!doctype html><meta charset="utf-8"><title>Tasks</title><main></main><script type="module" src="/page.js"></script>`

const server = createServer(async (req, res) => {
  const { url } = req
  if (url === '/tasks' && req.method === 'POST') {
    const { id = tasks.length, title = tasks[id]?.title ?? '', isDone = false } = (await json(req)) as Partial<Task>
    try {
      put({ id, title, isDone })
      res.writeHead(201).end()
    } catch (error) {
      res.writeHead(400).end((error as Error).message)
    }
  } else if (url === '/tasks') {
    res.writeHead(200, { 'Content-Type': 'application/json' }).end(JSON.stringify({ data: tasks, lastEventId }))
  } else if (url === '/events') {
    const session = createSession(req, res, { events })
    // Who loaded the list before there was any event has no ID, and needs all of them.
    channel.subscribe(session, { lastEventId: session.lastEventId || 'earliest' })
  } else if (url === '/page.js') {
    res.writeHead(200, { 'Content-Type': 'text/javascript' }).end(outputFiles[0]?.text)
  } else if (url === '/') {
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
  await channel.drain()
  process.exit()
})
