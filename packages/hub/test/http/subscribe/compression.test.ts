import { once } from 'node:events'
import http from 'node:http'
import http2 from 'node:http2'
import type { AddressInfo } from 'node:net'
import { createGunzip } from 'node:zlib'
import { describe, expect, onTestFinished, test } from 'vitest'
import { exactTopic } from '../../../src/matching/matcher.ts'
import { createHandler } from '../handlers.ts'
import { serve } from '../serve-hub.ts'

const gzip = { 'accept-encoding': 'gzip' }
const large = JSON.stringify({ text: 'as it may be compressed '.repeat(200) })
const small = 'small'

describe('an event stream for a client that takes gzip', () => {
  test('is compressed, and each event can be read as soon as it is published', async () => {
    const { open, post } = await serve()
    const { response, next } = await open('match=a', gzip)
    expect(response.headers.get('content-encoding')).toBe('gzip')
    for (const data of [small, large, small, small, large]) {
      const published = await post({ topic: 'a', data })
      expect(await next()).toMatchObject({ data, id: await published.text() })
    }
  })

  test('is smaller than what it says', async () => {
    const { hub, url } = await serve()
    const { response, untilText } = await openRaw(url, 'match=a', gzip)
    await hub.publish({ topic: 'a', data: large })
    const text = await untilText('compressed "}')
    expect(text).toContain(`data: ${large}\n`)
    expect(response.socket.bytesRead).toBeLessThan(text.length / 2)
  })

  test('resumes, and is told of gaps', async () => {
    const { hub, open } = await serve()
    const [first] = await hub.publishAll([small, large, small].map((data) => ({ topic: 'a', data })))
    const resumed = await open('match=a', { ...gzip, 'last-event-id': first! })
    expect(await resumed.next()).toMatchObject({ data: large })
    expect(await resumed.next()).toMatchObject({ data: small })
    const lost = await open('match=a', { ...gzip, 'last-event-id': 'none-of-ours' })
    expect(await lost.nextOfAny()).toMatchObject({ type: 'headwater-gap' })
    expect(await lost.next()).toMatchObject({ data: small })
  })

  test('has heartbeats', async () => {
    const { url } = await serve({ session: { heartbeatMs: 20, retryMs: null } })
    const { untilText } = await openRaw(url, 'match=a', gzip)
    expect(await untilText('\n\n:\n:\n')).not.toContain('data: x')
  })

  test('is no whole gzip file when the hub interrupts it, but every block of it is', async () => {
    const { hub, url } = await serve()
    const { response, untilText } = await openRaw(url, 'match=a', gzip)
    const decoded = response.pipe(createGunzip())
    const chunks: Buffer[] = []
    decoded.on('data', (chunk: Buffer) => chunks.push(chunk))
    await untilText('retry')
    await hub.publishAll([large, small].map((data) => ({ topic: 'a', data })))
    await untilText(`data: ${small}`)
    await hub.close()
    await once(response, 'error')
    await expect.poll(() => Buffer.concat(chunks).toString()).toMatch(/id: (\S+)\n\nretry: \d+\nid: \1\n\n$/)
  })

  test('is compressed in HTTP/2, too', async () => {
    const { hub } = await serve()
    const server = http2.createServer(createHandler(hub)).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const client = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    onTestFinished(() => {
      client.destroy()
      server.close()
    })
    const stream = client.request({ ':path': '/.well-known/mercure?match=a', ...gzip })
    const [headers] = (await once(stream, 'response')) as [http2.IncomingHttpHeaders]
    expect(headers['content-encoding']).toBe('gzip')
    const untilText = reader(stream.pipe(createGunzip()))
    await untilText('retry')
    await hub.publish({ topic: 'a', data: large })
    expect(await untilText('compressed "}')).toContain(large)
  })
})

describe('an event stream is not compressed', () => {
  test.each([
    ['for a client that does not say that it takes gzip', {}, {}],
    ['for a client that does not take gzip', { 'accept-encoding': 'br, gzip;q=0' }, {}],
    ['where compression is off', gzip, { compression: false }],
    ['that may have private events', gzip, { authorize: () => ({ subscribe: [exactTopic('a')] }) }],
  ])('%s', async (_, headers, options) => {
    const { hub, url } = await serve(options)
    const { response, untilText } = await openRaw(url, 'match=a', headers)
    expect(response.headers['content-encoding']).toBeUndefined()
    await untilText('retry')
    await hub.publish({ topic: 'a', data: large })
    expect(await untilText('compressed "}')).toContain(large)
  })
})

/** Opens an event stream, and sees it as it is on the way, too. */
async function openRaw(url: string, query: string, headers: http.OutgoingHttpHeaders) {
  const request = http.get(`${url}?${query}`, { headers, agent: false })
  onTestFinished(() => void request.destroy())
  request.on('error', () => {})
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  const decoded = response.headers['content-encoding'] === 'gzip' ? response.pipe(createGunzip()) : response
  return { response, untilText: reader(decoded) }
}

/** Reads on until there is a text, and returns all there was. */
function reader(stream: NodeJS.ReadableStream): (text: string) => Promise<string> {
  let received = ''
  let wake = () => {}
  // Cut off at the end of the test.
  stream.on('error', () => {})
  stream.on('data', (chunk: Buffer) => {
    received += chunk
    wake()
  })
  return async (text) => {
    while (!received.includes(text)) {
      await new Promise<void>((resolve) => {
        wake = resolve
      })
    }
    return received
  }
}
