import { describe, expect, test, vi } from 'vitest'
import type { ContentCoding } from '../../src/server/content-coding.ts'
import { opener, useFakeClock } from './opener.ts'
import { transports } from './transports.ts'

/** A coding whose parts can be seen in what the client gets. */
function visibleCoding(): ContentCoding {
  const encoder = new TextEncoder()
  const decoder = new TextDecoder()
  return {
    name: 'visible',
    head: () => encoder.encode('[head]'),
    encode: (bytes) => encoder.encode(`<${decoder.decode(bytes)}>`),
    tail: () => encoder.encode('[tail]'),
  }
}

describe.each(transports)('a content coding over $name', ({ serve }) => {
  const { listen, open } = opener(serve)

  test('begins the response, codes each frame by itself, and ends it', async () => {
    const { response, session } = await open({ contentCoding: visibleCoding(), retryMs: 7 })
    expect(response.headers['content-encoding']).toBe('visible')
    session.send({ data: 'one' })
    session.comment('two')
    session.close()
    expect(await response.text()).toMatch(/^\[head\]<:\nretry: ?7\n><data: ?one\n\n><: ?two\n>\[tail\]$/)
  })

  test('codes heartbeats, and the frame that drains', async () => {
    useFakeClock()
    const { response, session } = await open({ contentCoding: visibleCoding(), heartbeatMs: 1000 })
    await vi.advanceTimersByTimeAsync(1000)
    expect(await response.until('<:\n>')).toContain('[head]<')
    session.drain()
    // Without a tail: what was broken off is not whole.
    expect(await response.broken()).toMatch(/<:\n><retry: ?\d+\n>$/)
  })

  test('has no end where something accepted was dropped: the client is not to take it for whole', async () => {
    const { response, session } = await open({
      contentCoding: visibleCoding(),
      whenFull: 'drop',
      maxUnsentBytes: 1024 * 1024,
    })
    for (let i = 0; i < 64; i++) session.send({ data: 'x'.repeat(512 * 1024) })
    expect(session.droppedEvents).toBeGreaterThan(0)
    session.close()
    const text = await response.text()
    expect(text).not.toContain('[tail]')
  })

  test('is not announced when the client is answered that it was closed for good', async () => {
    const { server } = await listen({ contentCoding: visibleCoding() })
    const response = await server.request({
      headers: { 'last-event-id': `headwater-end.${Date.now().toString(36)}.7` },
    })
    expect(response.status).toBe(204)
    expect(response.headers['content-encoding']).toBeUndefined()
  })
})
