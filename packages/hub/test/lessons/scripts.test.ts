import { createParser } from '@headwater/sse'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Classroom } from '../../src/lessons/classroom.ts'
import { scripts } from '../../src/lessons/scripts.ts'
import { type Asking, type Played, playRequest } from './played.ts'

beforeEach(() => void vi.useFakeTimers({ now: 1_000_000 }))
afterEach(() => void vi.useRealTimers())

/** Asks as an `EventSource` does, again and again with the last event ID, until it is over. */
async function visit(asking: Asking, mostAttempts = 20) {
  const classroom = new Classroom()
  const answers: Played[] = []
  const events: { type: string; data: string }[] = []
  let lastEventId = ''
  for (let attempt = 0; attempt < mostAttempts; attempt++) {
    const played = await playRequest(classroom, { ...asking, lastEventId }, 20_000)
    answers.push(played)
    const parser = createParser({
      onEvent: ({ type = 'message', data }) => events.push({ type, data }),
      onId: (id) => {
        lastEventId = id
      },
    })
    parser.feed(played.text)
    if (played.end === 'stays' || (played.status !== undefined && played.status !== 200)) break
    await vi.advanceTimersByTimeAsync(1000)
  }
  return { answers, events, lastEventId, last: answers.at(-1)! }
}

test.each(Object.keys(scripts))('the stream %s comes to rest, however often it is asked again', async (stream) => {
  const { last } = await visit({ stream })
  expect(last.end === 'stays' || last.status !== 200).toBe(true)
})

describe('the lesson', () => {
  test('of IDs sends each of nine events once, over cuts, and then one that says so', async () => {
    const { answers, events, lastEventId } = await visit({ stream: 'ids' })
    const messages = Array.from({ length: 9 }, (_, index) => `Message ${index + 1}`)
    expect(events.map(({ data }) => data)).toEqual([...messages, 'Nothing was missed, nothing came twice'])
    expect(answers.map(({ end }) => end)).toEqual(['break', 'break', 'break', 'stays'])
    expect(lastEventId).toBe('10')
  })

  test('of several lines has one event of two lines, one with a space, and one that is empty', async () => {
    const { events } = await visit({ stream: 'lines' })
    expect(events.map(({ data }) => data)).toEqual(['the first line\nthe second line', 'no space', ' two spaces', ''])
  })

  test('of types sends join, message and leave, and a message called error', async () => {
    const { events } = await visit({ stream: 'types' })
    expect(events).toEqual([
      { type: 'join', data: 'Bob' },
      { type: 'message', data: 'Hello' },
      { type: 'leave', data: 'Bob' },
      { type: 'error', data: 'Nothing is wrong' },
    ])
  })

  test('of a server that goes away has no response for some seconds, then one', async () => {
    const { answers } = await visit({ stream: 'away' })
    const classroom = new Classroom()
    await playRequest(classroom, { stream: 'away' }, 1300)
    const gone = await playRequest(classroom, { stream: 'away' }, 100)
    expect([gone.status, gone.end]).toEqual([undefined, 'break'])
    expect(answers.at(-1)).toMatchObject({ status: 200, end: 'stays' })
  })

  test('of stopping answers 204 in the end', async () => {
    const { answers } = await visit({ stream: 'stop', query: '?run=r&client=c&choice=204' })
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 204])
  })

  test.each([
    ['500', 500, undefined],
    ['type', 200, undefined],
    ['301', 301, 'moved?run=r&client=c&choice=301'],
    ['307', 307, 'moved?run=r&client=c&choice=307'],
  ])('of wrong answers answers as chosen: %s', async (choice, status, location) => {
    const query = `?run=r&client=c&choice=${choice}`
    const played = await playRequest(new Classroom(), { stream: 'answers', query })
    expect([played.status, played.headers.location]).toEqual([status, location])
    if (choice === 'type') expect(played.headers['content-type']).toBe('text/plain')
  })

  test.each([
    ['none', undefined, undefined],
    ['any', '*', undefined],
    ['credentials', 'http://localhost:1', 'true'],
  ])('of other origins allows as chosen: %s', async (choice, origin, credentials) => {
    const query = `?run=r&client=c&choice=${choice}`
    const asking = { stream: 'cors', query, origin: 'http://localhost:1', hasCookie: choice === 'credentials' }
    const { headers, text } = await playRequest(new Classroom(), asking)
    expect([headers['access-control-allow-origin'], headers['access-control-allow-credentials']]).toEqual([
      origin,
      credentials,
    ])
    expect(text).toContain(choice === 'credentials' ? 'saw the cookie' : 'saw no cookie')
    const preflight = await playRequest(new Classroom(), { ...asking, method: 'OPTIONS' })
    expect(preflight.status).toBe(204)
    expect(preflight.headers['access-control-allow-headers']).toBe(
      choice === 'none' ? undefined : 'Last-Event-ID, Cache-Control',
    )
  })
})
