import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { serve } from '../serve-hub.ts'

const path = '/.well-known/mercure'

function form(body: string, ...headers: string[]): string {
  const all = ['Host: localhost', 'Content-Type: application/x-www-form-urlencoded', ...headers]
  return `POST ${path} HTTP/1.1\r\n${all.join('\r\n')}\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
}

/** A connection by hand: what came so far, and more of it. */
async function open(url: string) {
  const { hostname, port } = new URL(url)
  const socket: Socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true })
  onTestFinished(() => void socket.destroy())
  let received = ''
  socket.on('data', (chunk) => {
    received += chunk.toString('latin1')
  })
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.setNoDelay(true)
  const until = async (text: string, times = 1) => {
    while (received.split(text).length <= times) await once(socket, 'data')
    return received
  }
  return { socket, until, received: () => received }
}

describe('on one connection', () => {
  test('one request follows the other, whoever answers it', async () => {
    const { server } = await serve()
    const { socket, until } = await open(server.url)
    socket.write(form('topic=a&data=1'))
    await until('HTTP/1.1 200 OK')
    socket.write(form('topic=a&data=2'))
    await until('HTTP/1.1 200 OK', 2)
    // Not one that is read directly; nor is any after it.
    socket.write('GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n')
    await until('HTTP/1.1 200 OK', 3)
    socket.write(form('topic=a&data=3'))
    await until('HTTP/1.1 200 OK', 4)
    socket.write(`GET ${path}?match=a&last_event_id=earliest HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    expect(await until('data: 3\n')).toMatch(/data: 1\n.*data: 2\n.*data: 3\n/s)
  })

  test('requests sent at once are answered in order, none lost and none twice', async () => {
    const { server, store } = await serve()
    const { socket, until } = await open(server.url)
    const count = 50
    socket.write(Array.from({ length: count }, (_, i) => form(`topic=a&data=${i}`)).join(''))
    const answers = await until('HTTP/1.1 200 OK', count)
    const { head } = await store.bounds()
    expect(head.position).toBe(count)
    const positions = [...answers.matchAll(/\r\n\r\n[a-z0-9]+\.([a-z0-9]+)\.[a-z0-9]+/g)].map(([, base36]) => base36)
    expect(positions).toEqual(Array.from({ length: count }, (_, i) => (i + 1).toString(36)))
  })

  test('what comes while a request is being answered is the next one, in however many pieces', async () => {
    const { server, store } = await serve()
    const { socket, until } = await open(server.url)
    const bytes = form('topic=a&data=1') + form('topic=a&data=2') + form('topic=a&data=3')
    for (const byte of bytes) {
      socket.write(byte)
      await setImmediate()
    }
    await until('HTTP/1.1 200 OK', 3)
    expect((await store.bounds()).head.position).toBe(3)
  })

  test('a client that has said all it has to say gets its answer, and then the end', async () => {
    const { server } = await serve()
    const { socket, received } = await open(server.url)
    socket.end(form('topic=a'))
    await once(socket, 'end')
    expect(received()).toContain('HTTP/1.1 200 OK')
  })

  test('a refusal leaves the connection as it was', async () => {
    const { server } = await serve()
    const { socket, until } = await open(server.url)
    socket.write(form('topic=&data=1'))
    expect(await until('INVALID_TOPIC')).toContain('HTTP/1.1 400 Bad Request')
    socket.write(`GET ${path}?nothing=1 HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    expect(await until('INVALID_MATCHER')).toContain('HTTP/1.1 400 Bad Request')
    socket.write(form('topic=ü&data=ü'))
    await until('HTTP/1.1 200 OK')
  })

  test('an answer says its length in bytes, not in characters', async () => {
    const { server } = await serve()
    const { socket, until } = await open(server.url)
    socket.write(form('topic=a&id=%E2%9B%B2'))
    expect(await until('\r\n\r\n\u00e2\u009b\u00b2')).toContain('content-length: 3\r\n')
  })

  test('whoever subscribes and then sends more is not answered, and not cut off', async () => {
    const { server, hub } = await serve()
    const { socket, until } = await open(server.url)
    socket.write(`GET ${path}?match=a HTTP/1.1\r\nHost: localhost\r\n\r\n`)
    await until(':\n')
    socket.write(form('topic=a&data=1'))
    await hub.publish({ topic: 'a', data: '2' })
    expect(await until('data: 2\n')).not.toContain('data: 1\n')
  })

  test.each([
    ['more bytes than its Content-Length', 'xx'],
    ['a malformed request', 'GET / HTTP/9.9\r\n\r\n'],
    ['a request that begins', 'POST /\x00'],
  ])('a request with %s behind it is answered for itself, and what is stored is answered 200', async (_, rest) => {
    const { server, store } = await serve()
    const { socket, received } = await open(server.url)
    socket.write(form('topic=a&data=1') + rest)
    await once(socket, 'end')
    expect(received()).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(received().match(/HTTP\/1\.1/g)).toHaveLength(1)
    expect((await store.bounds()).head.position).toBe(1)
  })

  test('a request for the newest event is answered for itself as well, and nothing behind it', async () => {
    const { server } = await serve()
    const { socket, received } = await open(server.url)
    const get = `GET ${path}/last?match=a HTTP/1.1\r\nHost: localhost\r\n\r\n`
    socket.write(`${get}${get}no HTTP\r\n\r\n`)
    await once(socket, 'end')
    expect(received().match(/HTTP\/1\.1 200 OK/g)).toHaveLength(2)
    expect(received()).not.toContain(' 400 ')
  })

  test.each([
    ['a length and then chunks', 'Transfer-Encoding: chunked\r\n\r\n5\r\ntopic\r\nzz'],
    ['a chunk of no length', 'Transfer-Encoding: chunked\r\n\r\nzz\r\n'],
  ])('nothing is stored of a request that is refused: %s', async (_, rest) => {
    const { server, store } = await serve()
    const { socket, received } = await open(server.url)
    const type = 'Content-Type: application/x-www-form-urlencoded'
    socket.write(`POST ${path} HTTP/1.1\r\nHost: localhost\r\n${type}\r\n${rest}`)
    await once(socket, 'end')
    expect(received()).toContain('400 Bad Request')
    expect((await store.bounds()).head.position).toBe(0)
  })

  test('an event stream with bytes behind its request that make no sense is cut off', async () => {
    const { server } = await serve()
    const { socket, received } = await open(server.url)
    socket.write(`GET ${path}?match=a HTTP/1.1\r\nHost: localhost\r\n\r\nno HTTP\r\n\r\n`)
    await Promise.race([once(socket, 'end'), once(socket, 'close')])
    expect(received()).not.toContain(' 400 ')
  })

  test('silence is ended, before the first request and after one', async () => {
    const impatient = await serve({ headersTimeoutMs: 20 })
    const silent = await open(impatient.server.url)
    await once(silent.socket, 'end')
    const { server } = await serve({ idleTimeoutMs: 20 })
    const { socket, until } = await open(server.url)
    socket.write(form('topic=a'))
    await until('HTTP/1.1 200 OK')
    await once(socket, 'end')
  })

  test('the end of the server is not an end in the middle of an answer', async () => {
    const { server, store } = await serve()
    const append = store.append.bind(store)
    let proceed = () => {}
    const mayProceed = new Promise<void>((resolve) => {
      proceed = resolve
    })
    let isAsked = false
    store.append = async (...args) => {
      isAsked = true
      await mayProceed
      return append(...args)
    }
    const [idle, busy] = [await open(server.url), await open(server.url)]
    busy.socket.write(form('topic=a'))
    while (!isAsked) await setImmediate()
    const closed = server.close({ deadlineMs: 60_000 })
    await once(idle.socket, 'end')
    proceed()
    expect(await busy.until('HTTP/1.1 200 OK')).toContain('Connection: close')
    await closed
  })
})
