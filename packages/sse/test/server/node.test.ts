import { type EventEmitter, once } from 'node:events'
import http from 'node:http'
import http2 from 'node:http2'
import net, { type AddressInfo } from 'node:net'
import { createGunzip } from 'node:zlib'
import compression from 'compression'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { createSession, type NodeRequest, type NodeResponse } from '../../src/server/node.ts'
import type { Session } from '../../src/server/session.ts'
import type { SessionOptions } from '../../src/server/session-options.ts'
import { deferred, turns, until, useFakeClock } from './opener.ts'

const cleanUps: (() => unknown)[] = []

afterEach(async () => {
  vi.useRealTimers()
  for (const cleanUp of cleanUps.splice(0)) await cleanUp()
})

describe('createSession', () => {
  test('keeps the headers that middleware has set, but for a length', async () => {
    const { response } = await request((req, res) => {
      res.setHeader('Access-Control-Allow-Origin', 'https://a.example')
      res.appendHeader('Set-Cookie', 'a=1')
      res.appendHeader('Set-Cookie', 'b=2')
      res.setHeader('Content-Length', '5')
      return createSession(req, res)
    })
    expect(response.headers).toMatchObject({
      'access-control-allow-origin': 'https://a.example',
      'set-cookie': ['a=1', 'b=2'],
    })
    expect(response.headers).not.toHaveProperty('content-length')
  })

  test('says status 200, whatever the framework had in mind', async () => {
    const { response } = await request((req, res) => {
      res.statusCode = 404
      return createSession(req, res)
    })
    expect(response.statusCode).toBe(200)
  })

  test('sets several values of one header', async () => {
    const { response } = await request((req, res) =>
      createSession(req, res, { headers: { 'set-cookie': ['a=1', 'b=2'], 'x-n': 5 } }),
    )
    expect(response.headers).toMatchObject({ 'set-cookie': ['a=1', 'b=2'], 'x-n': '5' })
  })

  test('takes a Headers object', async () => {
    const { response } = await request((req, res) => createSession(req, res, { headers: new Headers({ 'X-A': 'b' }) }))
    expect(response.headers).toMatchObject({ 'x-a': 'b' })
  })

  test.each(['Connection', 'Transfer-Encoding', 'Content-Length', 'keep-alive'])('refuses to set %s', async (name) => {
    await expectRefusal({ headers: { [name]: '1' } }, /which belongs to the connection/)
  })

  test('refuses a content type that no EventSource takes', async () => {
    await expectRefusal({ headers: { 'Content-Type': 'text/plain' } }, /accepts only text\/event-stream/)
  })

  test('takes a charset', async () => {
    const headers = { 'Content-Type': 'text/event-stream; charset=utf-8' }
    const { response } = await request((req, res) => createSession(req, res, { headers }))
    expect(response.headers['content-type']).toBe('text/event-stream; charset=utf-8')
  })

  test.each([
    [{ heartbeatMs: 0 }, /heartbeatMs is 0/],
    [{ heartbeatMs: Number.NaN }, /heartbeatMs is NaN/],
    [{ maxUnsentBytes: -1 }, /maxUnsentBytes is -1/],
    [{ stallTimeoutMs: '5' }, /stallTimeoutMs is 5/],
    [{ maxDurationMs: 0 }, /maxDurationMs is 0/],
    [{ retryMs: 1.5 }, /retryMs is 1.5/],
    [{ drainSpreadMs: -1 }, /drainSpreadMs is -1/],
    [{ whenFull: 'block' }, /whenFull is "block": choose one of disconnect, drop, wait/],
    [{ authorize: true }, /authorize is true: it must be a function/],
    [{ onError: 'log' }, /onError is log/],
    [{ drainSignal: 'stop' }, /drainSignal is stop/],
    [{ headers: 'a: b' }, /headers is a: b/],
    [{ heartbeat: 5 }, /no "heartbeat" in a session's options. Did you mean heartbeatMs.*heartbeatMs/],
    [{ authorize: () => true, heartbeatMs: Number.POSITIVE_INFINITY }, /never/],
    [null, /options are null/],
  ])('refuses the options %o, and says why', async (options, message) => {
    await expectRefusal(options as object, message)
  })

  test('refuses a response that something was sent on already', async () => {
    await expectRefusal({}, /GET \/ has already begun \(status 418\)/, 'HEADERS_SENT', (res) => {
      res.writeHead(418)
      res.write('x')
    })
  })

  test('is over from the start when the client has left already', async () => {
    const handled = deferred<Session>()
    const { client } = await request(async (req, res) => {
      client.destroy()
      await once(res, 'close')
      const session = createSession(req, res)
      handled.resolve(session)
      return session
    }, 'no response')
    const session = await handled.promise
    expect(session.isOpen).toBe(false)
    expect(await session.closed).toBe('client-left')
    await expect(session.send({ data: 1 })).rejects.toMatchObject({ code: 'SESSION_CLOSED' })
  })

  test('sees the client leave by the request too, should nothing come from the response', async () => {
    const { session, client } = await request((req, res) => {
      const session = createSession(req, res)
      for (const event of ['close', 'finish', 'error']) res.removeAllListeners(event)
      res.on('error', () => {})
      return session
    })
    client.destroy()
    expect(await session.closed).toBe('client-left')
  })

  test('stays open when the body of its request has been read', async () => {
    const { session, response } = await request(
      async (req, res) => {
        req.resume()
        await once(req, 'close')
        return createSession(req, res)
      },
      { method: 'POST', body: 'a body' },
    )
    session.send({ data: 'still here' })
    await text(response, 'still here')
  })

  test('stays open when the body of its request is read later', async () => {
    const { session, response } = await request(
      async (req, res) => {
        const session = createSession(req, res)
        req.resume()
        await once(req, 'close')
        return session
      },
      { method: 'POST', body: 'a body' },
    )
    session.send({ data: 'still here' })
    await text(response, 'still here')
  })

  test('sends small events without delay, and without the timeout of an idle socket', async () => {
    const setNoDelay = vi.spyOn(net.Socket.prototype, 'setNoDelay')
    cleanUps.push(() => setNoDelay.mockRestore())
    let socket: net.Socket | undefined
    await request((req, res) => {
      req.socket.setTimeout(60_000)
      socket = req.socket
      return createSession(req, res)
    })
    expect(setNoDelay.mock.contexts).toContain(socket)
    expect(socket?.timeout).toBe(0)
  })

  test('flushes what a middleware holds back after each write, heartbeats too', async () => {
    useFakeClock()
    const flush = vi.fn()
    const { session } = await request((req, res) => createSession(req, Object.assign(res, { flush })))
    expect(flush).toHaveBeenCalledTimes(1)
    await session.send({ data: 1 })
    expect(flush).toHaveBeenCalledTimes(2)
    await vi.advanceTimersByTimeAsync(10_000)
    expect(flush).toHaveBeenCalledTimes(3)
  })

  test('does not take a stream of somebody else on an HTTP/1 response for one of HTTP/2', async () => {
    const { session, client } = await request((req, res) =>
      createSession(req, Object.assign(res, { stream: () => {} }) as never),
    )
    await session.send({ data: 1 })
    client.destroy()
    expect(await session.closed).toBe('client-left')
  })

  test('goes on behind a write of middleware that hands nothing back', async () => {
    const { session, response } = await request((req, res) => {
      const write = res.write
      res.write = ((...args: Parameters<typeof write>) => {
        write.apply(res, args)
      }) as never
      return createSession(req, res)
    })
    for (let i = 0; i < 3; i++) await session.send({ data: i })
    await text(response, 'data: 2')
    expect(session.unsentBytes).toBe(0)
  })

  test('survives writes to a connection that breaks under it', async () => {
    const options = { maxUnsentBytes: Number.POSITIVE_INFINITY }
    const { session, client } = await request((req, res) => createSession(req, res, options))
    session.send({ data: 'x'.repeat(1e7) })
    client.destroy()
    while (session.isOpen) {
      session.send({ data: 'x' })
      await turns(1)
    }
    expect(await session.closed).toBe('client-left')
  })

  test('serves a client of HTTP/1.0, which knows no chunks', async () => {
    const { port } = await listen((req, res) => {
      const session = createSession(req, res, { retryMs: null })
      session.send({ data: 'old' })
      session.close()
    })
    const socket = net.connect(port, '127.0.0.1').setEncoding('utf8')
    socket.write('GET / HTTP/1.0\r\n\r\n')
    let received = ''
    for await (const chunk of socket) received += chunk
    const [head, body] = received.split('\r\n\r\n')
    expect(head).not.toMatch(/transfer-encoding/i)
    expect(body).toBe(':\ndata: old\n\n')
  })

  test('works with the requests of test doubles, which lack what concerns sockets', async () => {
    const { session } = await request((req, res) => {
      Object.assign(req.socket, { setNoDelay: undefined })
      Object.assign(req, { setTimeout: undefined })
      return createSession(req, res)
    })
    expect(session.isOpen).toBe(true)
  })
})

describe('behind compression middleware', () => {
  const compress = compression({ threshold: 0 })

  /** Opens a session whose `Cache-Control` lets the middleware compress, which ours by default does not. */
  function compressed(options: SessionOptions = {}) {
    return request((req, res) => {
      compress(req as never, res as never, () => {})
      return createSession(req, res, { headers: { 'Cache-Control': 'no-cache' }, ...options })
    })
  }

  test('the stream is left alone by default: compressing holds events back, and no-transform forbids it', async () => {
    const { response, session } = await request((req, res) => {
      compress(req as never, res as never, () => {})
      return createSession(req, res)
    })
    expect(response.headers).not.toHaveProperty('content-encoding')
    await session.send({ data: 'plain' })
    await text(response, 'plain')
  })

  test('each event and each heartbeat arrives when it is sent', async () => {
    useFakeClock()
    const { response, session } = await compressed({ retryMs: null })
    expect(response.headers['content-encoding']).toBe('gzip')
    const plain = response.pipe(createGunzip())
    await text(plain, ':\n')
    for (let i = 0; i < 5; i++) {
      await session.send({ data: `event ${i}` })
      await text(plain, `event ${i}\n`)
    }
    const before = plain.bytesWritten
    await vi.advanceTimersByTimeAsync(10_000)
    await until(() => plain.bytesWritten > before)
    session.close()
    plain.resume()
    expect(await session.closed).toBe('closed')
  })

  test('a client that never reads is bounded and disconnected', async () => {
    useFakeClock()
    const { session } = await compressed()
    let mostUnsent = 0
    for (let i = 0; i < 6000 && session.isOpen; i++) {
      // Random, or 60 MB of it would fit into the buffers of one connection.
      session.send({ data: Buffer.from(crypto.getRandomValues(new Uint8Array(7500))).toString('base64') })
      mostUnsent = Math.max(mostUnsent, session.unsentBytes)
      if (i % 10 === 0) await turns(3)
    }
    expect(session.isOpen).toBe(false)
    expect(mostUnsent).toBeLessThan(1_048_576 + 10_100)
    await vi.advanceTimersByTimeAsync(30_000)
    expect(await session.closed).toBe('too-slow')
  })

  test.each(['HTTP/1.1', 'HTTP/2'])(
    'an interrupted stream over %s ends, which brings out what was held',
    async (version) => {
      const sessions: Session[] = []
      const serve = (req: NodeRequest, res: NodeResponse) => {
        compress(req as never, res as never, () => {})
        const session = createSession(req, res, { headers: { 'Cache-Control': 'no-cache' } })
        session.send({ data: 'the last' })
        session.drain()
        sessions.push(session)
      }
      const server = version === 'HTTP/2' ? http2.createServer(serve) : http.createServer(serve)
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
      const connection = version === 'HTTP/2' ? http2.connect(url) : undefined
      cleanUps.push(() => {
        connection?.destroy()
        server.close()
      })
      const headers = { 'accept-encoding': 'gzip' }
      const response = connection?.request(headers) ?? (await once(http.get(url, { headers }), 'response'))[0]
      let plain = ''
      for await (const chunk of response.pipe(createGunzip())) plain += chunk
      expect(plain).toContain('data: the last\n')
      expect(await sessions[0]!.closed).toBe('drained')
    },
  )

  test('send settles when the client leaves', async () => {
    const { session, client } = await compressed()
    client.destroy()
    await session.closed
    await expect(session.send({ data: 1 })).rejects.toMatchObject({ code: 'SESSION_CLOSED' })
  })
})

type Handler = (req: http.IncomingMessage, res: http.ServerResponse) => Session | Promise<Session>
interface RequestInit {
  method?: string
  body?: string
}

async function listen(handler: (req: http.IncomingMessage, res: http.ServerResponse) => unknown) {
  const server = http.createServer(handler)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanUps.push(() => {
    server.close()
    server.closeAllConnections()
  })
  return { server, port: (server.address() as AddressInfo).port }
}

/** Sends one request to a server of its own; the response is not read. */
async function request(handler: Handler, init: RequestInit | 'no response' = {}) {
  const handled = deferred<Session>()
  const { port } = await listen(async (req, res) => {
    try {
      handled.resolve(await handler(req, res))
    } catch (error) {
      handled.reject(error)
      res.destroy()
    }
  })
  const { method = 'GET', body } = init === 'no response' ? {} : init
  const client = http.request({ port, method, headers: { 'accept-encoding': 'gzip' } })
  client.on('error', () => {})
  client.end(body)
  if (init === 'no response')
    return { client } as { client: http.ClientRequest; session: Session; response: http.IncomingMessage }
  const [session] = await Promise.all([handled.promise, once(client, 'response')])
  const response = (client as unknown as { res: http.IncomingMessage }).res
  response.on('error', () => {})
  return { client, response, session }
}

async function expectRefusal(
  options: object,
  message: RegExp,
  code = 'INVALID_OPTION',
  before = (_: http.ServerResponse) => {},
) {
  const handled = deferred<unknown>()
  const { port } = await listen((req, res) => {
    before(res)
    try {
      createSession(req, res, options)
      handled.resolve('no refusal')
    } catch (error) {
      handled.resolve(error)
    }
    res.end()
  })
  const client = http.get({ port })
  client.on('error', () => {})
  client.on('response', (response) => response.resume())
  expect(await handled.promise).toMatchObject({ name: 'SseError', code, message: expect.stringMatching(message) })
}

/** Reads until the stream has brought this text. */
async function text(stream: EventEmitter & { read(): Buffer | null }, expected: string): Promise<string> {
  let received = ''
  while (!received.includes(expected)) {
    const chunk = stream.read()
    if (chunk === null) await once(stream, 'readable')
    else received += chunk
  }
  return received
}
