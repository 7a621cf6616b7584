import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { connect, type IncomingHttpHeaders } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { readEvents } from '@headwater/sse'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createHub } from '../../../src/create-hub.ts'
import { LearnServer } from '../../../src/http/learn/learn-server.ts'
import type { LogEntry } from '../../../src/lessons/lesson-log.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { makeCertificate, whyNoCertificates } from '../../certificates.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { sendRaw, serve } from '../serve-hub.ts'

/** The lessons on a port of their own, with a page of one file. */
async function serveLessons() {
  const directory = join(temporaryDirectory(), 'page')
  mkdirSync(directory)
  writeFileSync(join(directory, 'index.html'), '<meta name="hub" content=".well-known/mercure">')
  const closing = new AbortController()
  const lessons = new LearnServer({ hubPath: '/api/hub', closing: closing.signal, directory })
  const server = createServer((req, res) => {
    if (!lessons.handle(req, res)) res.writeHead(418).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    closing.abort()
    server.closeAllConnections()
    server.close()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, closing }
}

describe('the server of /learn', () => {
  test('serves the page below its own path, with where the hub is and what it may connect to', async () => {
    const { url } = await serveLessons()
    const moved = await fetch(`${url}/learn?lang=ko`, { redirect: 'manual' })
    expect([moved.status, moved.headers.get('location')]).toEqual([308, 'learn/?lang=ko'])
    const page = await fetch(`${url}/learn/?lang=ko`)
    expect(await page.text()).toContain('content="api/hub"')
    expect(page.headers.get('content-security-policy')).toContain('connect-src http: https: ws: wss:')
    expect((await fetch(`${url}/learn/nothing`)).status).toBe(404)
    expect((await fetch(`${url}/learn/`, { method: 'POST' })).status).toBe(405)
    expect((await fetch(`${url}/learned`)).status).toBe(418)
  })

  test('plays a script, and sends what happened in the run as an event stream', async () => {
    const { url } = await serveLessons()
    const log = await fetch(`${url}/learn/log?run=one`)
    const response = await fetch(`${url}/learn/streams/ids?run=one&client=ours`, { headers: { 'last-event-id': '3' } })
    const events = readEvents(response.body!)
    expect(await events.next()).toMatchObject({ value: { data: 'Message 4', id: '4' } })
    await events.return()
    const entries: LogEntry[] = []
    for await (const { data } of readEvents(log.body!)) {
      entries.push(JSON.parse(data) as LogEntry)
      if (entries.at(-1)!.kind === 'end') break
    }
    expect(entries.filter(({ kind }) => kind !== 'bytes')).toMatchObject([
      { kind: 'request', client: 'ours', stream: 'ids', lastEventId: '3' },
      { kind: 'response', status: 200 },
      { kind: 'end', how: 'left' },
    ])
  })

  test('resumes a log after the last entry that the page has', async () => {
    const { url } = await serveLessons()
    await (await fetch(`${url}/learn/streams/answers?run=two&client=c`)).text()
    const log = await fetch(`${url}/learn/log?run=two`, { headers: { 'last-event-id': '0' } })
    const events = readEvents(log.body!)
    const { value } = await events.next()
    expect([value!.id, JSON.parse(value!.data).kind]).toEqual(['1', 'response'])
    await events.return()
  })

  test('breaks the connection off before any response where a script is away', async () => {
    const { url } = await serveLessons()
    const first = await fetch(`${url}/learn/streams/away?run=r&client=c`)
    await first.body!.cancel()
    await expect(fetch(`${url}/learn/streams/away?run=r&client=c`)).rejects.toThrow('fetch failed')
  })

  test('sets its cookie for pages of other origins, and sees it come back', async () => {
    const { url } = await serveLessons()
    const origin = url.replace('127.0.0.1', 'localhost')
    const cookie = await fetch(`${url}/learn/cookie`, { headers: { origin } })
    expect(cookie.headers.get('access-control-allow-origin')).toBe(origin)
    const [sent = ''] = cookie.headers.getSetCookie()
    expect(sent).toContain('SameSite=None; Secure')
    const response = await fetch(`${url}/learn/streams/cors?run=r&client=c&choice=credentials`, {
      headers: { origin, cookie: sent.split(';')[0]! },
    })
    const events = readEvents(response.body!)
    expect((await events.next()).value!.data).toBe('The server saw the cookie')
    await events.return()
  })

  test('answers nobody by a name that is not of this machine', async () => {
    const { url } = await serveLessons()
    const answer = await sendRaw(url, 'GET /learn/ HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n')
    expect(answer).toContain('403 Forbidden')
  })

  test('ends streams and logs when the hub closes', async () => {
    const { url, closing } = await serveLessons()
    const log = await fetch(`${url}/learn/log?run=r`)
    const stream = await fetch(`${url}/learn/streams/hold?run=r&client=c`)
    const ends = [log, stream].map((response) => response.text().catch(() => 'broken'))
    closing.abort()
    expect(await Promise.all(ends)).toEqual(['broken', 'broken'])
  })

  test.skipIf(whyNoCertificates())(
    'plays scripts over HTTP/2, and breaks off one stream of its connection',
    async () => {
      const certificate = makeCertificate()
      const hub = await createHub({ store: createMemoryStore() })
      const server = await hub.listen({ host: '127.0.0.1', port: 0, certificate, learn: true })
      const client = connect(server.url.replace('127.0.0.1', 'localhost'), { ca: certificate.cert })
      onTestFinished(async () => {
        client.destroy()
        await server.close({ deadlineMs: 100 })
      })
      const stream = client.request({ ':path': '/learn/streams/away?run=r&client=c' })
      const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders]
      expect([headers[':status'], headers['content-type']]).toEqual([200, 'text/event-stream'])
      stream.setEncoding('utf8')
      expect((await once(stream, 'data'))[0]).toContain('retry: 1000')
      const away = client.request({ ':path': '/learn/streams/away?run=r&client=c' })
      let isAnswered = false
      away.on('response', () => {
        isAnswered = true
      })
      away.resume()
      await once(away, 'close')
      expect([isAnswered, client.destroyed]).toEqual([false, false])
      stream.destroy()
    },
  )

  test('is part of a hub only if it is asked for', async () => {
    const { server } = await serve()
    expect((await fetch(`${server.url}/learn/log?run=r`)).status).toBe(404)
  })
})
