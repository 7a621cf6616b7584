import { X509Certificate } from 'node:crypto'
import { once } from 'node:events'
import { type ClientHttp2Session, connect as connectHttp2, type IncomingHttpHeaders } from 'node:http2'
import { get } from 'node:https'
import { connect } from 'node:tls'
import { describe, expect, onTestFinished, test } from 'vitest'
import { listen } from '../../../src/http/server/server.ts'
import type { Certificate } from '../../../src/http/server/tls.ts'
import { createHubCore, type HubCore } from '../../../src/hub/hub-core.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { makeCertificate, whyNoCertificates } from '../../certificates.ts'

const why = whyNoCertificates()
if (why) console.warn(`The tests of TLS are skipped: ${why}`)

const hubPath = '/.well-known/mercure'

describe.skipIf(why)('a server with a certificate', () => {
  async function start() {
    const certificate = makeCertificate()
    const hub: HubCore = await createHubCore({ store: createMemoryStore() })
    const errors: unknown[] = []
    const onError = (error: unknown) => errors.push(error)
    const server = await listen(hub, { host: '127.0.0.1', port: 0, certificate, onError })
    onTestFinished(() => server.close({ deadlineMs: 100 }))
    return { certificate, hub, server, errors }
  }

  function http2(url: string, { cert }: Certificate): ClientHttp2Session {
    const session = connectHttp2(url, { ca: cert })
    onTestFinished(() => session.destroy())
    return session
  }

  async function ask(session: ClientHttp2Session, headers: Record<string, string>, body?: string) {
    const stream = session.request(headers)
    stream.setEncoding('utf8').end(body)
    const [answer] = (await once(stream, 'response')) as [IncomingHttpHeaders & { ':status'?: number }]
    return { stream, status: answer[':status'], headers: answer }
  }

  const form = { ':method': 'POST', ':path': hubPath, 'content-type': 'application/x-www-form-urlencoded' }

  test('serves HTTP/2: publishing, streams of events and of lines, and pages, on one connection', async () => {
    const { server, certificate, hub, errors } = await start()
    expect(server.url).toMatch(/^https:\/\/127\.0\.0\.1:\d+$/)
    const session = http2(server.url, certificate)
    const events = await ask(session, { ':path': `${hubPath}?match=a` })
    expect([events.status, events.headers['content-type'], events.headers.connection]).toEqual([
      200,
      'text/event-stream',
      undefined,
    ])
    let received = ''
    events.stream.on('data', (text) => {
      received += text
    })
    expect((await ask(session, form, 'topic=a&data=hello')).status).toBe(200)
    const lines = session.request({ ...form, 'content-type': 'application/x-ndjson' })
    lines.setEncoding('utf8').write('{"topic":"a","data":"line"}\n')
    expect(JSON.parse(String(await once(lines, 'data')))).toMatchObject({ line: 1 })
    lines.end()
    while (!received.includes('data: line')) await once(events.stream, 'data')
    expect(received).toContain('data: hello')
    expect((await ask(session, { ':path': '/healthz' })).status).toBe(200)
    expect((await ask(session, { ...form }, 'x'.repeat(2_000_000))).status).toBe(413)
    events.stream.close()
    while (hub.subscriberCount > 0) await new Promise(setImmediate)
    expect(errors).toEqual([])
  })

  test('refuses a request that names two hosts', async () => {
    const { server, certificate, errors } = await start()
    const session = http2(server.url, certificate)
    const { host } = new URL(server.url)
    const statusFor = async (headers: Record<string, string>) =>
      (await ask(session, { ':path': '/healthz', ':authority': host, ...headers })).status
    expect(await statusFor({ host: 'other.example' })).toBe(400)
    expect(await statusFor({ host })).toBe(200)
    expect(await statusFor({ ':authority': 'Hub.example:443', host: 'hub.example' })).toBe(200)
    const { stream } = await ask(session, { ...form, ':authority': host, host: 'other.example' }, 'topic=a')
    expect(JSON.parse(String(await once(stream, 'data')))).toMatchObject({ code: 'INVALID_REQUEST' })
    expect(errors).toEqual([])
  })

  test('serves HTTP/1.1 beside it', async () => {
    const { server, certificate } = await start()
    const [response] = await once(get(`${server.url}/healthz`, { ca: certificate.cert }), 'response')
    expect([response.statusCode, response.httpVersion]).toEqual([200, '1.1'])
    response.resume()
  })

  test('ends streams with a time to come back when it closes, and then the connections', async () => {
    const { server, certificate } = await start()
    const session = http2(server.url, certificate)
    const { stream } = await ask(session, { ':path': `${hubPath}?match=a` })
    let received = ''
    stream.on('data', (text) => {
      received += text
    })
    const idle = http2(server.url, certificate)
    await once(idle, 'connect')
    const [response] = await once(get(`${server.url}${hubPath}?match=a`, { ca: certificate.cert }), 'response')
    response.on('error', () => {}).resume()
    stream.on('error', () => {})
    await server.close()
    await Promise.all([session.closed || once(session, 'close'), idle.closed || once(idle, 'close')])
    expect(received).toMatch(/retry: \d+\nid: \S+\n\n$/)
  })

  test('takes a new certificate for connections to come, and goes on with the others', async () => {
    const { server, certificate } = await start()
    const presented = async () => {
      const socket = connect({ port: Number(new URL(server.url).port), rejectUnauthorized: false })
      await once(socket, 'secureConnect')
      const { fingerprint256 } = socket.getPeerCertificate()
      socket.destroy()
      return fingerprint256
    }
    const fingerprintOf = ({ cert }: Certificate) => new X509Certificate(cert).fingerprint256
    const session = http2(server.url, certificate)
    expect((await ask(session, { ':path': '/healthz' })).status).toBe(200)
    expect(await presented()).toBe(fingerprintOf(certificate))
    const next = makeCertificate()
    server.setCertificate(next)
    expect(await presented()).toBe(fingerprintOf(next))
    expect((await ask(session, { ':path': '/healthz' })).status).toBe(200)
    expect(() => server.setCertificate({ cert: next.cert, key: certificate.key })).toThrowError(
      expect.objectContaining({ code: 'INVALID_OPTION' }),
    )
    expect(await presented()).toBe(fingerprintOf(next))
  })

  test('is not made with a certificate that is none, or a key of another', async () => {
    const hub = await createHubCore({ store: createMemoryStore() })
    onTestFinished(() => hub.close())
    const { cert } = makeCertificate()
    for (const certificate of [
      { cert: 'no', key: 'no' },
      { cert, key: makeCertificate().key },
    ]) {
      await expect(listen(hub, { host: '127.0.0.1', port: 0, certificate })).rejects.toMatchObject({
        code: 'INVALID_OPTION',
        message: expect.stringContaining('match each other'),
      })
    }
  })
})
