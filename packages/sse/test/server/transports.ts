import assert from 'node:assert/strict'
import { once } from 'node:events'
import http from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { Readable } from 'node:stream'
import type { ReadableStream as NodeReadableStream } from 'node:stream/web'
import { createResponse } from '../../src/server/fetch.ts'
import { createSession } from '../../src/server/node.ts'
import type { Session } from '../../src/server/session.ts'
import type { SessionOptions } from '../../src/server/session-options.ts'
import { testCertificate } from './certificate.ts'

/** One way by which a session reaches a client over a real socket. Every one of them passes the same suite. */
export interface Transport {
  name: string
  /** Starts a server that opens a session for each request. */
  serve(options: SessionOptions | (() => SessionOptions), onSession: (session: Session) => void): Promise<TestServer>
}

export interface TestServer {
  request(init?: TestRequest): Promise<TestResponse>
  /** Resolves when the server is closed and every connection is gone. */
  close(): Promise<void>
  /** Cuts whatever is still connected, and closes. */
  stop(): Promise<void>
}

export interface TestRequest {
  method?: string
  path?: string
  headers?: Record<string, string>
  /** Over HTTP/2 requests share a connection, unless this says otherwise. */
  onOwnConnection?: boolean
}

/** A response as its client sees it. Nothing is read from the socket but by `until` and `text`. */
export interface TestResponse {
  status: number
  headers: http.IncomingHttpHeaders
  /** Reads on until the text received so far contains this, and returns all of it. */
  until(text: string): Promise<string>
  /** As `until`, and forgets what came before. */
  skipTo(text: string): Promise<void>
  /**
   * Reads on until at least this much more text is there, or the end, and returns how much text was received so far.
   */
  readSome(length: number): Promise<number>
  /** Reads to the end; fails if the response breaks off. */
  text(): Promise<string>
  /** Reads until the response breaks off; fails if it ends. */
  broken(): Promise<string>
  leave(): void
}

const { key, cert } = testCertificate

export const transports: Transport[] = [
  { name: 'HTTP/1.1', serve: (...session) => listen(http.createServer(answerWith(...session)), requestHttp1(http)) },
  {
    name: 'HTTP/1.1 on a connection taken over',
    serve: (...session) => listen(http.createServer(answerOnTaken(...session)), requestHttp1(http)),
  },
  {
    name: 'HTTPS on a connection taken over',
    serve: (...session) => listen(https.createServer({ key, cert }, answerOnTaken(...session)), requestHttp1(https)),
  },
  {
    name: 'HTTPS',
    serve: (...session) => listen(https.createServer({ key, cert }, answerWith(...session)), requestHttp1(https)),
  },
  {
    name: 'HTTP/2 without TLS',
    serve: (...session) => listen(http2.createServer(answerWith(...session)), requestHttp2('http')),
  },
  {
    name: 'HTTP/2 over TLS',
    serve: (...session) =>
      listen(http2.createSecureServer({ key, cert }, answerWith(...session)), requestHttp2('https')),
  },
  {
    name: 'a Fetch response',
    serve: (...session) => listen(http.createServer(fetchAdapter(...session)), requestHttp1(http)),
  },
]

type SessionArguments = Parameters<Transport['serve']>

export function answerWith(options: SessionArguments[0], onSession: SessionArguments[1]) {
  return (req: http.IncomingMessage | http2.Http2ServerRequest, res: http.ServerResponse | http2.Http2ServerResponse) =>
    onSession(createSession(req, res, typeof options === 'function' ? options() : options))
}

function answerOnTaken(options: SessionArguments[0], onSession: SessionArguments[1]) {
  return async (req: http.IncomingMessage, res: http.ServerResponse) => {
    await undefined
    const { socket } = req
    const given = typeof options === 'function' ? options() : options
    const session = createSession(req, res, { takesConnection: true, ...given })
    // The suite is to test what it says, and not what it falls back on.
    if (session.isOpen)
      assert.equal(res.socket, null, `the connection was not taken: ${req.method} ${socket.destroyed}`)
    onSession(session)
  }
}

/**
 * The least that a Fetch runtime does: abort the signal and cancel the stream when the client leaves, and read no
 * faster than it.
 */
export function fetchAdapter(options: SessionArguments[0], onSession: SessionArguments[1]) {
  return async (req: http.IncomingMessage, res: http.ServerResponse) => {
    const left = new AbortController()
    res.on('close', () => left.abort())
    const request = new Request(`http://${req.headers.host}${req.url}`, {
      method: req.method ?? 'GET',
      headers: req.headers as Record<string, string>,
      signal: left.signal,
    })
    const response = createResponse(request, typeof options === 'function' ? options() : options, onSession)
    res.writeHead(response.status, Object.fromEntries(response.headers))
    if (!response.body) {
      res.end()
      return
    }
    const body = Readable.fromWeb(response.body as NodeReadableStream, { highWaterMark: 0 })
    body.on('error', () => res.destroy())
    res.on('close', () => body.destroy())
    body.pipe(res)
  }
}

type Requester = (port: number) => Pick<TestServer, 'request'> & { close(): void }

async function listen(server: http.Server | http2.Http2Server, requester: Requester): Promise<TestServer> {
  const sockets = new Set<Socket>()
  for (const event of ['connection', 'secureConnection']) {
    server.on(event, (socket: Socket) => {
      sockets.add(socket)
      socket.on('close', () => sockets.delete(socket))
      socket.on('error', () => {})
    })
  }
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const client = requester((server.address() as AddressInfo).port)
  const close = () => new Promise<void>((resolve) => server.close(() => resolve()))
  return {
    request: client.request,
    close,
    stop() {
      client.close()
      for (const socket of sockets) socket.destroy()
      return close()
    },
  }
}

function requestHttp1({ Agent, request }: typeof http | typeof https): Requester {
  return (port) => {
    const agent = new Agent({ keepAlive: true })
    return {
      close: () => agent.destroy(),
      async request(init) {
        const { method = 'GET', path = '/', headers = {} } = init ?? {}
        const req = request({
          host: '127.0.0.1',
          port,
          path,
          method,
          headers,
          agent,
          rejectUnauthorized: false,
        } as object)
        req.end()
        let res: http.IncomingMessage
        try {
          ;[res] = (await once(req, 'response')) as [http.IncomingMessage]
        } catch (error) {
          // A server may close a connection it kept alive just when it is used again.
          if (req.reusedSocket) return this.request(init)
          throw error
        }
        req.on('error', () => {})
        return { status: res.statusCode as number, headers: res.headers, ...readBody(res), leave: () => req.destroy() }
      },
    }
  }
}

function requestHttp2(scheme: string): Requester {
  return (port) => {
    const connections: http2.ClientHttp2Session[] = []
    const connect = () => {
      const connection = http2.connect(`${scheme}://127.0.0.1:${port}`, { rejectUnauthorized: false })
      connection.on('error', () => {})
      connections.unshift(connection)
      return connection
    }
    return {
      close() {
        for (const connection of connections) connection.destroy()
      },
      async request({ method = 'GET', path = '/', headers = {}, onOwnConnection = false } = {}) {
        const usable = connections.find((connection) => !connection.closed && !connection.destroyed)
        const connection = (!onOwnConnection && usable) || connect()
        const stream = connection.request({ ':method': method, ':path': path, ...headers })
        const [received] = (await once(stream, 'response')) as [
          http2.IncomingHttpHeaders & http2.IncomingHttpStatusHeader,
        ]
        const { ':status': status, ...rest } = received
        return {
          status: Number(status),
          headers: rest as http.IncomingHttpHeaders,
          ...readBody(stream),
          leave: () => stream.close(http2.constants.NGHTTP2_CANCEL),
        }
      },
    }
  }
}

function readBody(body: Readable): Pick<TestResponse, 'until' | 'skipTo' | 'readSome' | 'text' | 'broken'> {
  body.setEncoding('utf8')
  body.on('error', () => {})
  const chunks: string[] = []
  let length = 0
  /** Reads by hand, so that nothing is taken from the socket between calls. */
  const next = async (): Promise<boolean> => {
    for (;;) {
      const chunk: string | null = body.read()
      if (chunk !== null) {
        chunks.push(chunk)
        length += chunk.length
        return true
      }
      if (body.readableEnded || body.destroyed) return false
      await new Promise<void>((resolve) => {
        const events = ['readable', 'end', 'close', 'error']
        const settle = () => {
          for (const event of events) body.off(event, settle)
          resolve()
        }
        for (const event of events) body.on(event, settle)
      })
    }
  }
  const fail = (what: string) => new Error(`The response ${what}: ${chunks.join('').slice(-500)}`)
  const waitFor = async (text: string): Promise<void> => {
    let end = chunks.join('')
    // Only the new end is searched: to search all of a long text each time takes longer than to send it.
    while (!end.includes(text)) {
      if (!(await next())) throw fail(`ended without ${JSON.stringify(text)}`)
      end = end.slice(-text.length) + chunks.at(-1)
    }
  }
  return {
    async until(text) {
      await waitFor(text)
      return chunks.join('')
    },
    async skipTo(text) {
      await waitFor(text)
      chunks.splice(0, chunks.length - 1)
    },
    async readSome(count) {
      const enough = length + count
      while (length < enough && (await next()));
      return length
    },
    async text() {
      while (await next());
      if (!body.readableEnded) throw fail('broke off after')
      return chunks.join('')
    },
    async broken() {
      while (await next());
      if (body.readableEnded) throw fail('ended, as if it were complete, after')
      return chunks.join('')
    },
  }
}
