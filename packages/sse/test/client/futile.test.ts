import { Readable } from 'node:stream'
import { describe, expect, it, onTestFinished, vi } from 'vitest'
import { EventSource, type EventSourceOptions, events } from '../../src/client/index.ts'
import { EventLog } from './event-log.ts'
import { scriptedFetch } from './scripted-fetch.ts'
import { serve, stream } from './stream-server.ts'

/** Nothing listens there: an attempt that is made fails all the same, but with willRetry. */
const nowhere = 'http://127.0.0.1:2/'
const policy = { retry: {} }

describe('a request that can never be sent', () => {
  const used = () => {
    const body = new Blob(['x']).stream()
    void body.cancel()
    return body
  }
  const refused: [what: string, url: string, options: EventSourceOptions][] = [
    ['to a port that fetch refuses', 'http://127.0.0.1:6000/', {}],
    ['to such a port, by a custom fetch', 'http://127.0.0.1:6000/', { fetch: (url, init) => fetch(url, init) }],
    ['with a body that was read before', nowhere, { body: used() }],
    ['with a function that returns such a body', nowhere, { body: used }],
    ['with a control character in a header', nowhere, { headers: () => ({ 'x-a': '\x01' }) }],
    ['with a line break in a header', nowhere, { headers: async () => ({ 'x-a': 'a\nb' }) }],
    ['with a header beyond Latin-1', nowhere, { headers: () => ({ 'x-a': 'ż' }) }],
    ['with a header that no client may set', nowhere, { headers: { expect: '100-continue' } }],
    ['with a header that is malformed', nowhere, { headers: { 'transfer-encoding': 'x' } }],
  ]
  it.each(refused)('%s fails at once', async (_, url, options) => {
    const log = await new EventLog(url, { ...policy, ...options }).count(1)
    expect([log.source.readyState, log.errors[0]]).toMatchObject([2, { code: 'INVALID_REQUEST', willRetry: false }])
    expect(log.errors[0]!.cause).toBeInstanceOf(TypeError)
  })

  it('fails at once where AbortController is of another realm', async () => {
    vi.stubGlobal('AbortController', ForeignAbortController)
    onTestFinished(() => void vi.unstubAllGlobals())
    const log = await new EventLog(nowhere, policy).count(1)
    expect(log.errors[0]).toMatchObject({ code: 'INVALID_REQUEST', willRetry: false })
  })

  it('fails at once where the fetch has bodies that are no web streams, as node-fetch', async () => {
    const headers = new Headers({ 'content-type': 'text/event-stream' })
    const response = { status: 200, headers, url: nowhere, body: Readable.from(['data: a\n\n']) }
    const fetch = async () => response as unknown as Response
    const log = await new EventLog(nowhere, { ...policy, fetch }).count(1)
    expect(log.errors[0]).toMatchObject({ code: 'INVALID_REQUEST', willRetry: false })
  })

  it('ends events() with the reason', async () => {
    await expect(events('http://127.0.0.1:6000/').next()).rejects.toMatchObject({ code: 'INVALID_REQUEST' })
  })

  it('throws at once if that is known at once', () => {
    expect(() => new EventSource(nowhere, { headers: { 'x-a': '\x01' } })).toThrow(TypeError)
    expect(() => new EventSource('http://user:secret@127.0.0.1/')).toThrow(TypeError)
  })
})

describe('a request that could be sent', () => {
  it('is tried again when nobody answers, and when a function of the user throws', async () => {
    const throwing = () => {
      throw new TypeError('no token')
    }
    for (const options of [{}, { headers: throwing }, { body: throwing }]) {
      const log = await new EventLog(nowhere, { ...policy, ...options }).count(1)
      expect(log.errors[0]).toMatchObject({ code: 'NETWORK_ERROR', willRetry: true })
    }
  })

  it('is not made again with a stream that was given itself, which can be sent only once', async () => {
    const bodies: string[] = []
    const { origin } = await serve((request, response) => {
      request.on('data', (chunk) => bodies.push(String(chunk)))
      request.on('end', () => stream(response, 'data: a\n\n').end())
    })
    const log = await new EventLog(origin, { ...policy, body: new Blob(['x']).stream() }).closed()
    expect([bodies, log.lines]).toEqual([['x'], ['open @1', 'message a # @1', 'error @2']])
    expect(log.errors[0]!.code).toBe('STREAM_COMPLETE')
    const { fetch } = scriptedFetch(new Response('', { status: 503 }))
    const refusal = await new EventLog(origin, { ...policy, fetch, body: new Blob(['x']).stream() }).closed()
    expect(refusal.errors[0]).toMatchObject({ status: 503, willRetry: false })
  })
})

/** As in a test environment that brings the DOM of another realm. */
class ForeignAbortController {
  readonly signal = Object.assign(new EventTarget(), { aborted: false })
  abort(): void {
    this.signal.aborted = true
  }
}
