import { once } from 'node:events'
import { type IncomingMessage, request } from 'node:http'
import { connect, createServer } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { listen } from '../../../src/http/server/server.ts'
import { createHubCore } from '../../../src/hub/hub-core.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { problemOf, sendRaw, serve } from '../serve-hub.ts'

/** Opens a response that is read as it comes. `broken` is what came until it broke off. */
async function openStreaming(url: string): Promise<{ broken: Promise<string> }> {
  const [response] = (await once(request(url).end(), 'response')) as [IncomingMessage]
  let text = ''
  response.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk
  })
  return { broken: once(response, 'error').then(() => text) }
}

describe('the server', () => {
  test('says in plain text that there is nothing at an unknown path, and where there is something', async () => {
    const { server } = await serve()
    for (const path of [
      '/nope',
      '/.well-known/mercure/',
      '/.well-known',
      '/index.html',
      '/..%2f..%2fetc/passwd',
      '//x',
    ]) {
      const response = await fetch(server.url + path)
      expect(response.status).toBe(404)
      expect(response.headers.get('content-type')).toBe('text/plain; charset=utf-8')
      expect(await response.text()).toContain('/.well-known/mercure')
    }
  })

  test.each([
    ['/.well-known/mercure', 'PUT', 'GET, HEAD, QUERY, POST, OPTIONS'],
    ['/.well-known/mercure', 'DELETE', 'GET, HEAD, QUERY, POST, OPTIONS'],
    ['/healthz', 'POST', 'GET, HEAD'],
  ])('answers %s by %s with 405 and the methods it has', async (path, method, allow) => {
    const { server } = await serve()
    const response = await fetch(server.url + path, { method })
    expect(response.headers.get('allow')).toBe(allow)
    expect(await problemOf(response)).toMatchObject({ status: 405, code: 'METHOD_NOT_ALLOWED' })
  })

  test('is healthy', async () => {
    const { server } = await serve()
    const response = await fetch(`${server.url}/healthz`)
    expect([response.status, await response.text()]).toEqual([200, 'ok\n'])
    expect((await fetch(`${server.url}/healthz?x=1`, { method: 'HEAD' })).status).toBe(200)
  })

  test('takes a whole URL for a target, as proxies send it', async () => {
    const { url } = await serve()
    const answer = await sendRaw(
      url,
      'GET http://localhost/healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n',
    )
    expect(answer).toMatch(/^HTTP\/1\.1 200 OK/)
  })

  test.each([
    ['no HTTP', 'HELLO\r\n\r\n', '400 Bad Request'],
    ['no Host', 'GET /healthz HTTP/1.1\r\n\r\n', '400 Bad Request'],
    [
      'a header without end',
      `GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}`,
      '431 Request Header Fields Too Large',
    ],
    [
      'two lengths',
      'POST /.well-known/mercure HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n',
      '400 Bad Request',
    ],
  ])('answers %s clearly, and serves on', async (_name, bytes, status) => {
    const { url, server } = await serve()
    expect(await sendRaw(url, bytes)).toMatch(new RegExp(`^HTTP/1\\.1 ${status}\r\n`))
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
  })

  test('does not mind half a request and a closed connection', async () => {
    const { url, server, errors } = await serve()
    await sendRaw(url, 'GET /.well-known/mercure?match=a HTTP/1.1\r\nHo', { end: true })
    await sendRaw(url, '', { end: true })
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
    expect(errors).toEqual([])
  })

  test('asks for a host of this machine where only such are wanted', async () => {
    const { url } = await serve({ loopbackHostsOnly: true })
    const answer = (host: string) =>
      sendRaw(url, `GET /healthz HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`).then((text) =>
        text.slice(9, 12),
      )
    for (const host of [
      'localhost',
      'LOCALHOST:3000',
      '127.0.0.1',
      '127.8.8.8:1',
      '[::1]',
      '[::1]:3000',
      'app.localhost:80',
      'localhost.:3000',
      '127.1:3000',
      '[0:0:0:0:0:0:0:1]:3000',
    ]) {
      expect([host, await answer(host)]).toEqual([host, '200'])
    }
    for (const host of [
      'evil.example',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      '192.168.1.2',
      'notlocalhost',
      '',
    ]) {
      expect([host, await answer(host)]).toEqual([host, '421'])
    }
  })

  test('refuses a request whose target names another host than its Host', async () => {
    const { url } = await serve()
    const { host } = new URL(url)
    const answer = async (target: string, named: string) =>
      (await sendRaw(url, `GET ${target} HTTP/1.1\r\nHost: ${named}\r\nConnection: close\r\n\r\n`)).slice(9, 12)
    expect(await answer(`http://${host}/healthz`, host)).toBe('200')
    expect(await answer('http://HUB.example:80/healthz', 'hub.example')).toBe('200')
    expect(await answer(`http://${host}/healthz`, 'other.example')).toBe('400')
    expect(await answer('http://other.example/healthz', host)).toBe('400')
  })

  test('is not made on an address that is taken, and says what to do', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => other.once('listening', resolve))
    onTestFinished(() => void other.close())
    const { port } = other.address() as { port: number }
    const hub = await createHubCore({ store: createMemoryStore() })
    await expect(listen(hub, { host: '127.0.0.1', port })).rejects.toMatchObject({
      code: 'LISTEN_FAILED',
      message: expect.stringContaining(`127.0.0.1:${port}`),
    })
    await expect(listen(hub, { host: '192.0.2.1', port: 0 })).rejects.toMatchObject({ code: 'LISTEN_FAILED' })
    await hub.close()
  })

  test('names itself by the address it listens on', async () => {
    const hub = await createHubCore({ store: createMemoryStore() })
    const server = await listen(hub, { host: '::1', port: 0 })
    expect(server.url).toMatch(/^http:\/\/\[::1\]:\d+$/)
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
    await server.close()
  })
})

describe('closing the server', () => {
  test('ends streams with a time to come back, and then refuses connections', async () => {
    const { server, open, url } = await serve()
    const subscribed = await open('match=a')
    expect(await subscribed.nextOfAny()).toMatchObject({ type: 'headwater-position' })
    const opened = await openStreaming(`${url}?match=a`)
    await server.close()
    expect(await opened.broken).toMatch(/\n\nretry: \d+\nid: \S+\n\n$/)
    await expect(subscribed.nextOfAny()).rejects.toThrow('terminated')
    await expect(fetch(`${server.url}/healthz`)).rejects.toThrow()
    await server.close()
  })

  test('finishes a publish whose body is still coming', async () => {
    const { server, url, store } = await serve()
    const publishing = request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', 'content-length': 16, expect: '100-continue' },
    })
    const answer = new Promise<{ status: number | undefined; connection: string | undefined }>((resolve, reject) => {
      publishing.on('response', (response) => {
        response.resume()
        resolve({ status: response.statusCode, connection: response.headers.connection })
      })
      publishing.on('error', reject)
    })
    const goAhead = new Promise((resolve) => publishing.once('continue', resolve))
    publishing.flushHeaders()
    await goAhead
    publishing.write('topic=a&')
    const closing = server.close()
    publishing.end('data=bye')
    expect(await answer).toMatchObject({ status: 200 })
    await closing
    expect((await store.bounds()).head.position).toBe(1)
  })

  test('cuts off after the deadline what does not end by itself', async () => {
    const { server, url } = await serve()
    const stuck = sendRaw(
      url,
      'POST /.well-known/mercure HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 10\r\n\r\nt',
    )
    await fetch(`${server.url}/healthz`)
    await server.close({ deadlineMs: 50 })
    expect(await stuck).not.toContain('200 OK')
  })

  test('cuts off a subscriber who has not read what was sent', async () => {
    const { server, hub, url, post } = await serve()
    const { port } = new URL(url)
    const socket = connect(Number(port), '127.0.0.1').pause()
    socket.write('GET /.well-known/mercure?match=a HTTP/1.1\r\nHost: localhost\r\n\r\n')
    socket.on('error', () => {})
    while (hub.subscriberCount < 1) await setImmediate()
    // More than the system's buffers of a connection take.
    for (let i = 0; i < 12; i++) await post({ topic: 'a', data: 'x'.repeat(1_000_000) })
    await server.close({ deadlineMs: 50 })
    socket.destroy()
  })

  test('counts a connection until it is over, whatever went over it', async () => {
    const { open, hub } = await serve({ limits: { maxConnectionsPerAddress: 2 } })
    for (let i = 0; i < 5; i++) {
      const { response, close } = await open('match=a')
      expect(response.status).toBe(200)
      await close()
      while (hub.subscriberCount > 0) await setImmediate()
    }
  })
})
