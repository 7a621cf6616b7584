import { describe, expect, test } from 'vitest'
import { EventSource } from '../../src/client/event-source.ts'
import { events } from '../../src/client/events.ts'
import { readEvents } from '../../src/protocol/event-stream.ts'
import { createChannel } from '../../src/server/create-channel.ts'
import type { PipeItem } from '../../src/server/pipe.ts'
import { rowsAfter, serveSessions } from './stream-of-ours.ts'

/** The loop of the README: saves the last event ID of each event, and resumes from it. */
async function run(url: string, saved: { id: string; rows: number[] }): Promise<void> {
  const stream = events<{ message: { row: number } }>(url, {
    lastEventId: saved.id,
    parse: { message: JSON.parse },
  })
  for await (const { data, lastEventId } of stream) {
    saved.rows.push(data.row)
    saved.id = lastEventId
  }
  saved.id = stream.lastEventId
}

describe('the loop that saves and loads the last event ID', () => {
  test('ends with a generator, at once, and goes on from there when there is more', async () => {
    const { url, requests } = await serveSessions((session) => session.pipe(rowsAfter(session.lastEventId)))
    const saved = { id: '', rows: [] as number[] }
    await run(url, saved)
    expect(saved).toEqual({ id: '6', rows: [1, 2, 3, 4, 5, 6] })
    expect(requests).toHaveLength(1)
    // What is saved is asked for, whenever that is.
    await run(url, { ...saved, id: '3' })
    expect(requests.map(({ lastEventId }) => lastEventId)).toEqual([undefined, '3'])
    expect(saved.rows).toEqual([1, 2, 3, 4, 5, 6, 4, 5, 6])
  })

  test('has everything once of a generator that throws, and of close()', async () => {
    let failures = 0
    const { url } = await serveSessions((session) =>
      session.pipe(
        rowsAfter(session.lastEventId, (row) => {
          if (row === 4 && failures++ < 2) throw new Error('the database is away')
        }),
      ),
    )
    const saved = { id: '', rows: [] as number[] }
    await run(url, saved)
    expect(saved).toEqual({ id: '6', rows: [1, 2, 3, 4, 5, 6] })
    expect(failures).toBe(3)
  })

  test('has everything once across interruptions', async () => {
    const { url, requests } = await serveSessions(async (session) => {
      if (session.lastEventId === '6') return session.close()
      const row = Number(session.lastEventId) + 1
      session.send({ data: { row }, id: `${row}` })
      return await session.drain()
    })
    const saved = { id: '', rows: [] as number[] }
    await run(url, saved)
    expect(saved).toEqual({ id: '6', rows: [1, 2, 3, 4, 5, 6] })
    expect(requests.map(({ lastEventId }) => lastEventId ?? '')).toEqual(['', '1', '2', '3', '4', '5', '6'])
  })

  test('keeps its place in a channel that brought nothing', async () => {
    const channel = createChannel()
    const { url } = await serveSessions((session) => channel.subscribe(session))
    const stream = events(url)
    const first = stream.next()
    while (stream.lastEventId === '') await new Promise((resolve) => setTimeout(resolve, 1))
    stream.close()
    await first
    channel.broadcast({ data: 'missed' })
    const resumed = events(url, { lastEventId: stream.lastEventId })
    expect((await resumed.next()).value).toMatchObject({ type: 'message', data: 'missed' })
    resumed.close()
  })
})

describe('events()', () => {
  test('gives a gap to onGap, with its data as an object, and moves on to its ID', async () => {
    const gap = { reason: 'epoch', requested: 'a.1', earliest: null }
    const { url } = await serveSessions((session) => {
      session.send({ type: 'headwater-gap', data: gap, id: 'b.0' })
      session.close()
    })
    const gaps: unknown[] = []
    const stream = events(url, { onGap: (...told) => gaps.push(told) })
    for await (const event of stream) gaps.push(event)
    expect([gaps, stream.lastEventId]).toEqual([[[gap, 'b.0']], 'b.0'])
  })
})

describe('our EventSource', () => {
  test('shows neither positions nor the end, after which it is closed, with one request', async () => {
    const { url, requests } = await serveSessions((session) => {
      session.send({ type: 'headwater-position', data: '{}', id: 'a' })
      session.send({ data: 'x' })
      session.close()
    })
    const shown: string[] = []
    const source = new EventSource(url, { onEvent: ({ type, lastEventId }) => shown.push(`${type} ${lastEventId}`) })
    source.addEventListener('headwater-close', () => shown.push('close'))
    const error = await new Promise<{ code: string }>((resolve) => {
      source.onerror = resolve
    })
    expect([error.code, source.readyState, shown]).toEqual(['STREAM_COMPLETE', 2, ['message a']])
    expect(requests).toHaveLength(1)
  })
})

describe('a stream of ours that another session passes on', () => {
  const upstream = () =>
    serveSessions((session) => {
      session.send({ type: 'headwater-gap', data: '{"reason":"trimmed"}', id: 'e.1' })
      session.send({ type: 'headwater-position', data: '{}', id: 'e.2' })
      session.send({ data: '3', id: 'e.3' })
      session.close()
    })
  const sources: [string, (url: string) => AsyncIterable<PipeItem>][] = [
    ['events()', (url) => events(url)],
    [
      'readEvents(), of an EventSource',
      async function* (url) {
        yield* readEvents((await fetch(url, { headers: { accept: 'text/event-stream' } })).body!)
      },
    ],
    [
      'readEvents(), of anybody else',
      async function* (url) {
        yield* readEvents((await fetch(url)).body!)
      },
    ],
  ]

  test.each(sources)('arrives to its end, its gap included: by %s', async (_, open) => {
    const { url } = await upstream()
    const passing = await serveSessions((session) => session.pipe(open(url)))
    const response = await fetch(passing.url)
    const text = (await response.text()).replace('id: e.2\n\n', '')
    expect(text).toBe(':\nretry: 20\nevent: headwater-gap\ndata: {"reason":"trimmed"}\nid: e.1\n\ndata: 3\nid: e.3\n\n')
    expect(await passing.requests[0]!.closed).toBe('closed')
  })
})
