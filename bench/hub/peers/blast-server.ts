// Sends events as fast as it can, many in each write, to find out how fast the benchmark's client
// is. The body of `POST /publish` says how many events to send, how many of them in one write, and
// how large they are. They belong to stream 0.
import { type AddressInfo, createServer, type Socket } from 'node:net'
import { eventData } from '../content.ts'

const subscribers: Socket[] = []

const server = createServer({ noDelay: true }, (socket) => {
  socket.on('error', () => socket.destroy())
  socket.setEncoding('latin1')
  socket.on('data', (text: string) => {
    if (text.startsWith('GET')) {
      socket.write('HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n')
      subscribers.push(socket)
      return
    }
    const [count = 0, perWrite = 1, bytes = 0] = (text.split('\r\n\r\n')[1] ?? '').split(' ').map(Number)
    const spans = spansOf(count, perWrite, bytes)
    for (const subscriber of subscribers) blast(subscriber, spans, 0)
    socket.write('HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n')
  })
})
server.listen(0, '127.0.0.1', 4096, () => console.log(`listening on ${(server.address() as AddressInfo).port}`))
process.on('SIGTERM', () => process.exit())

/** Sends one span in each turn of the event loop, so that subscribers take turns too. */
function blast(socket: Socket, spans: readonly Buffer[], index: number): void {
  const span = spans[index]
  if (!span || socket.destroyed) return
  const goOn = () => blast(socket, spans, index + 1)
  if (socket.write(span)) setImmediate(goOn)
  else socket.once('drain', goOn)
}

function spansOf(count: number, perWrite: number, bytes: number): Buffer[] {
  const spans: Buffer[] = []
  for (let seq = 0; seq < count; ) {
    let span = ''
    for (const end = Math.min(count, seq + perWrite); seq < end; seq++) {
      const block = `id: 0123456789.${seq.toString(36).padStart(4, '0')}.0000000\ndata: ${eventData({ stream: 0, seq }, bytes)}\n\n`
      span += `${block.length.toString(16)}\r\n${block}\r\n`
    }
    spans.push(Buffer.from(span))
  }
  return spans
}
