import { describe, expect, test, vi } from 'vitest'
import { encodeEvent } from '../../src/protocol/encode.ts'
import { createChannel } from '../../src/server/create-channel.ts'
import type { Session } from '../../src/server/session.ts'
import { dataOf, opener, turns } from './opener.ts'
import { type TestResponse, transports } from './transports.ts'

describe.each(transports)('sending over $name', ({ serve }) => {
  const { open, listen } = opener(serve)

  test('sends text as it is and everything else as JSON, falsy data included', async () => {
    const { response, session } = await open({ retryMs: null })
    for (const data of ['', 'a b', 0, false, null, { a: [1] }, new Date(0)]) session.send({ data })
    session.close()
    expect(dataOf(await response.text())).toEqual([
      '',
      'a b',
      '0',
      'false',
      'null',
      '{"a":[1]}',
      '"1970-01-01T00:00:00.000Z"',
    ])
  })

  test('sends every field, and an empty id as the reset', async () => {
    const { response, session } = await open()
    session.send({ comment: 'c', type: 'tick', retry: 50, data: 'one\r\ntwo\rthree', id: '7' })
    session.send({ data: 'x', id: '' })
    const text = await response.until('id:\n\n')
    expect(text).toContain(': c\nevent: tick\nretry: 50\ndata: one\ndata: two\ndata: three\nid: 7\n\n')
    expect(text).toContain('data: x\nid:\n\n')
  })

  test('sends comments, reconnection times and frames encoded before', async () => {
    const { response, session } = await open()
    await session.comment('hello')
    await session.retry(99)
    await session.write(encodeEvent({ data: 'framed' }))
    const text = await response.until('framed\n\n')
    expect(text).toContain(': hello\n')
    expect(text).toContain('retry: 99\n')
  })

  test.each([
    ['event', { data: '', type: 'a\ndata: injected' }, 'INVALID_EVENT_TYPE'],
    ['event', { data: '', type: 'a\rb' }, 'INVALID_EVENT_TYPE'],
    ['event', { data: '', type: 'a\0b' }, 'INVALID_EVENT_TYPE'],
    ['id', { data: '', id: 'a\ndata: injected' }, 'INVALID_EVENT_ID'],
    ['id', { data: '', id: 'a\rb' }, 'INVALID_EVENT_ID'],
    ['id', { data: '', id: 'a\0b' }, 'INVALID_EVENT_ID'],
    ['id', { data: '', id: 'a\u0001b' }, 'INVALID_EVENT_ID'],
  ])('refuses what breaks a line or a header in %s, and stays usable: %j', async (_, event, code) => {
    const { response, session } = await open()
    expect(() => session.send(event)).toThrow(expect.objectContaining({ code }))
    session.send({ data: 'after' })
    expect(await response.until('after')).not.toContain('injected')
  })

  test.each([
    ['undefined', undefined],
    ['a function', () => 1],
    ['a symbol', Symbol('s')],
    ['a bigint', 1n],
  ])('refuses data that has no JSON form: %s', async (_, data) => {
    const { session } = await open()
    expect(() => session.send({ data })).toThrow(expect.objectContaining({ code: 'INVALID_DATA' }))
  })

  test('refuses circular data, with the reason as the cause', async () => {
    const { session } = await open()
    const data: { self?: unknown } = {}
    data.self = data
    expect(() => session.send({ data })).toThrow(
      expect.objectContaining({ code: 'INVALID_DATA', cause: expect.any(TypeError) }),
    )
  })

  test('passes on what another Headwater says, in the form that this client understands', async () => {
    const { response, session } = await open({ retryMs: null })
    session.send({ type: 'headwater-position', data: '{}', id: 'a.1' })
    session.send({ type: 'headwater-gap', data: '{"reason":"epoch"}', id: 'b.0' })
    session.send({ type: 'headwater-close', data: '{}', id: 'headwater-end.0.b.0' })
    session.send({ data: 'last' })
    session.close()
    expect(await response.text()).toBe(
      ':\nid: a.1\n\nevent: headwater-gap\ndata: {"reason":"epoch"}\nid: b.0\n\ndata: last\n\n',
    )
  })

  test.each<[string, (session: Session) => unknown, string]>([
    ['an id that is a number', (session) => session.send({ data: '', id: 7 as never }), 'INVALID_EVENT_ID'],
    ['no event', (session) => session.send(undefined as never), 'INVALID_DATA'],
    ['an event as a frame', (session) => session.write({ data: 'a' } as never), 'INVALID_DATA'],
    ['nothing as a frame', (session) => session.write(undefined as never), 'INVALID_DATA'],
    ['a number as a comment', (session) => session.comment(1 as never), 'INVALID_DATA'],
    ['a negative time', (session) => session.retry(-1), 'INVALID_RETRY'],
  ])('throws at once, where the mistake is, and rejects nothing that ends a process: %s', async (_, call, code) => {
    const { response, session } = await open()
    expect(() => call(session)).toThrow(expect.objectContaining({ code }))
    session.send({ data: 'after' })
    await response.until('after')
  })

  test.each<[string, (session: Session) => unknown]>([
    ['send', (session) => session.send({ event: 'tick', data: 1 } as never)],
    ['broadcast', () => createChannel().broadcast({ event: 'tick', data: 1 } as never)],
    ['encodeEvent', () => encodeEvent({ event: 'tick', data: '1' } as never)],
  ])('names the word for the type of an event where %s is given another', async (_, call) => {
    const { session } = await open()
    expect(() => call(session)).toThrow(
      expect.objectContaining({ message: expect.stringContaining('Did you mean type?') }),
    )
  })

  test.each<[string, object]>([
    ['an event', { event: 'tick', data: 1 }],
    ['a received event', { event: 'tick', data: 1, lastEventId: '7' }],
  ])('names that word where %s is piped with another', async (_, item) => {
    const { session } = await open({ onError: () => {} })
    const error = { message: expect.stringContaining('Did you mean type?') }
    expect(await session.pipe([item as never])).toMatchObject({ outcome: 'failed', error })
  })

  test('refuses an ID that would end the client for good', async () => {
    const { session } = await open()
    expect(() => session.send({ data: '', id: 'headwater-end.0.7' })).toThrow(
      expect.objectContaining({ code: 'INVALID_EVENT_ID' }),
    )
  })

  test('resolves when the bytes have left, and not before', async () => {
    const { response, session } = await open({ maxUnsentBytes: Number.POSITIVE_INFINITY })
    await session.send({ data: 'small' })
    const settled = vi.fn()
    // More than all buffers below together take while nobody reads.
    const sent = session.send({ data: 'x'.repeat(32 * 1024 * 1024) }).then(settled)
    await turns(20)
    expect(settled).not.toHaveBeenCalled()
    expect(session.unsentBytes).toBeGreaterThan(0)
    session.close()
    await response.text()
    await sent
    expect(session.unsentBytes).toBe(0)
  })

  test('rejects what is waiting when the client leaves', async () => {
    const { response, session } = await open()
    const sent = session.send({ data: 'x'.repeat(32 * 1024 * 1024) })
    await turns(5)
    response.leave()
    await expect(sent).rejects.toMatchObject({ code: 'SESSION_CLOSED' })
  })

  test('rejects at once when the session is closed', async () => {
    const { response, session } = await open()
    response.leave()
    await session.closed
    for (const send of [
      session.send({ data: 1 }),
      session.comment(),
      session.retry(1),
      session.write(encodeEvent({ data: '' })),
    ]) {
      await expect(send).rejects.toMatchObject({ code: 'SESSION_CLOSED' })
    }
  })

  test('to clients who leave causes no unhandled rejection', async () => {
    const unhandled = vi.fn()
    process.on('unhandledRejection', unhandled)
    const { server, opened } = await listen()
    const pairs: { response: TestResponse; session: Session }[] = []
    for (let i = 0; i < 20; i++) pairs.push({ response: await server.request(), session: await opened() })
    for (let round = 0; round < 20; round++) {
      pairs[round]?.response.leave()
      for (const { session } of pairs) for (let i = 0; i < 30; i++) session.send({ data: 'x'.repeat(5000) })
      await turns(1)
    }
    await Promise.all(pairs.map(({ session }) => session.closed))
    for (const { session } of pairs) session.send({ data: 'late' })
    await turns(3)
    process.off('unhandledRejection', unhandled)
    expect(unhandled).not.toHaveBeenCalled()
  })
})
