// node control-server.mjs PORT FILE HEARTBEAT-MS: the plain server that the hub is compared with. IDs, replay of what is in FILE, a comment
// as heartbeat, and at SIGTERM an end of each response. It has none of our signals.
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'

const [port, file, heartbeatMs] = process.argv.slice(2)
const events = existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(0, -1) : []
const responses = new Set()

const server = createServer(async (request, response) => {
  const url = new URL(request.url, 'http://127.0.0.1')
  if (url.pathname === '/connections') return response.end(String(responses.size))
  if (request.method === 'POST') {
    let data = ''
    for await (const chunk of request.setEncoding('utf8')) data += chunk
    appendFileSync(file, `${data}\n`)
    const id = events.push(data)
    for (const each of responses) each.write(blockOf(id, data))
    return response.end(String(id))
  }
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  response.flushHeaders()
  const sent = request.headers['last-event-id'] || url.searchParams.get('last_event_id')
  if (sent) for (let id = Number(sent) + 1; id <= events.length; id++) response.write(blockOf(id, events[id - 1]))
  responses.add(response)
  response.on('close', () => responses.delete(response))
})

function blockOf(id, data) {
  return `id: ${id}\ndata: ${data}\n\n`
}

setInterval(() => {
  for (const each of responses) each.write(':\n\n')
}, Number(heartbeatMs)).unref()

process.on('SIGTERM', () => {
  server.close(() => process.exit())
  for (const each of responses) each.end()
  server.closeIdleConnections()
  setTimeout(() => process.exit(), 2000)
})
server.listen(Number(port), '127.0.0.1', () => console.log('listening'))
