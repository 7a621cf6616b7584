import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { HubError } from '../../base/errors.ts'
import { version } from '../../base/version.ts'
import {
  commandParameter,
  fingerprint,
  guardedHeaders,
  type Hello,
  helloHeader,
  type ProbeState,
  probeData,
} from './probe-protocol.ts'

/** A stream that the doctor opened and commands. */
interface ProbeStream {
  readonly response: ServerResponse
  readonly request: IncomingMessage
  body: string | undefined
  events: number
  sentBytes: number
  isOpen: boolean
}

/** Streams to know about at a time. The oldest is forgotten, and ended. */
const maxStreams = 1000
const maxBytes = 1024 ** 2

/**
 * Starts the server that stands behind a proxy in place of the application, and does at each request
 * what the doctor asks it to. It answers on every path.
 *
 * @throws HubError `LISTEN_FAILED`
 */
export function startProbeServer({ host, port }: { host: string; port: number }): Promise<Server> {
  const streams = new Map<string, ProbeStream>()
  const server = createServer((request, response) => {
    request.on('error', () => response.destroy())
    const [operation, id = '', ...parameters] = commandOf(request)
    if (operation === undefined) {
      if (request.headers[helloHeader] !== undefined) return answer(response, hello)
      return demonstrate(response)
    }
    if (operation === 'open') return open(streams, id, parameters[0] ?? 'bare', request, response)
    const stream = streams.get(id)
    if (!stream) return answer(response, { error: 'There is no such stream.' }, 404)
    if (operation === 'event') writeEvent(stream)
    else if (operation === 'comment') write(stream, `:${'.'.repeat(Math.min(maxBytes, Number(parameters[0]) || 0))}\n`)
    else if (operation === 'end') stream.response.end()
    else if (operation === 'break') stream.response.destroy()
    else if (operation !== 'state') return answer(response, { error: `There is no operation ${operation}.` }, 400)
    answer(response, stateOf(stream))
  })
  // A stream may be silent for as long as the doctor asks for.
  server.requestTimeout = server.timeout = 0
  server.keepAliveTimeout = 75_000
  return new Promise((resolve, reject) => {
    server.once('error', (error) => {
      reject(new HubError('LISTEN_FAILED', `Cannot listen on ${host}:${port}: ${error.message}`, { cause: error }))
    })
    server.listen(port, host, () => resolve(server))
  })
}

const hello: Hello = { headwater: 'doctor', version }

function commandOf({ url = '/' }: IncomingMessage): string[] {
  const { searchParams } = new URL(url, 'http://localhost')
  return searchParams.get(commandParameter)?.split(',') ?? []
}

function answer(response: ServerResponse, value: unknown, status = 200): void {
  const text = JSON.stringify(value)
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
  })
  response.end(text)
}

function open(
  streams: Map<string, ProbeStream>,
  id: string,
  kind: string,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const stream: ProbeStream = { response, request, body: undefined, events: 0, sentBytes: 0, isOpen: true }
  streams.set(id, stream)
  for (const [oldest, { response }] of streams) {
    if (streams.size <= maxStreams) break
    response.destroy()
    streams.delete(oldest)
  }
  response.on('close', () => {
    stream.isOpen = false
  })
  // The peer may be gone before an answer is written.
  response.on('error', () => {})
  const chunks: Buffer[] = []
  let bytes = 0
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes <= maxBytes) chunks.push(chunk)
  })
  request.on('end', () => {
    stream.body = fingerprint(Buffer.concat(chunks).toString())
  })
  response.writeHead(200, { 'content-type': 'text/event-stream', ...(kind === 'guarded' && guardedHeaders) })
  response.flushHeaders()
  writeEvent(stream)
}

function writeEvent(stream: ProbeStream): void {
  stream.events++
  write(stream, `id: ${stream.events}\ndata: ${probeData}\n\n`)
}

function write(stream: ProbeStream, text: string): void {
  stream.sentBytes += Buffer.byteLength(text)
  stream.response.write(text)
}

function stateOf({ request, body, isOpen, sentBytes }: ProbeStream): ProbeState {
  const headers = Object.entries(request.headers).map(([name, value]) => [name, fingerprint(String(value))])
  return {
    method: request.method ?? '',
    httpVersion: request.httpVersion,
    headers: Object.fromEntries(headers),
    body,
    isOpen: isOpen && !request.socket.destroyed,
    sentBytes,
  }
}

/** For people who look with `curl`: an event each second. */
function demonstrate(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', ...guardedHeaders, [helloHeader]: version })
  let count = 0
  const next = () => {
    count++
    response.write(`id: ${count}\ndata: This is headwater doctor --serve. Run headwater doctor URL.\n\n`)
  }
  next()
  const timer = setInterval(next, 1000)
  response.on('close', () => clearInterval(timer))
  response.on('error', () => {})
}
