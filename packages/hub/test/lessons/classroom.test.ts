import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Classroom, type LessonRequest } from '../../src/lessons/classroom.ts'
import type { LogEntry } from '../../src/lessons/lesson-log.ts'
import { playRequest } from './played.ts'

beforeEach(() => void vi.useFakeTimers({ now: 1_000_000 }))
afterEach(() => void vi.useRealTimers())

const request = (over: Partial<LessonRequest> = {}): LessonRequest => ({
  method: 'GET',
  stream: 'hold',
  query: '?run=r&client=native',
  lastEventId: '',
  origin: undefined,
  hasCookie: false,
  ...over,
})

function entriesOf(classroom: Classroom, run = 'r', from = 0): LogEntry[] {
  const entries: LogEntry[] = []
  classroom.logOf(run)!.watch(from, (entry) => entries.push(entry))()
  return entries
}

describe('a classroom', () => {
  test('logs what was asked, answered and written, how it ended, and how long after that it was asked again', async () => {
    const classroom = new Classroom()
    await playRequest(classroom, { stream: 'stop', query: '?run=r&client=native&choice=204' }, 700)
    await vi.advanceTimersByTimeAsync(250)
    await playRequest(classroom, { stream: 'stop', query: '?run=r&client=native&choice=204', lastEventId: '7' }, 700)
    const entries = entriesOf(classroom)
    expect(entries.slice(0, 7)).toMatchObject([
      { kind: 'request', at: 1_000_000, client: 'native', method: 'GET', lastEventId: '', sinceMs: undefined },
      { kind: 'response', status: 200, headers: { 'content-type': 'text/event-stream' } },
      { kind: 'bytes', text: 'retry: 1000\n' },
      { kind: 'bytes', text: 'data: Connection 1\n\n' },
      { kind: 'end', at: 1_000_700, how: 'finish' },
      { kind: 'request', at: 1_000_950, lastEventId: '7', sinceMs: 250 },
      { kind: 'response', status: 200 },
    ])
    expect(entriesOf(classroom, 'r', 5)).toEqual(entries.slice(5))
  })

  test('keeps no more of a header than lessons need', () => {
    const classroom = new Classroom()
    classroom.perform(request({ lastEventId: '1'.repeat(9000), origin: `http://${'x'.repeat(9000)}` }))
    expect(JSON.stringify(entriesOf(classroom)).length).toBeLessThan(1000)
  })

  test('tells watchers of a run what happens there, and of no other', async () => {
    const classroom = new Classroom()
    const seen: string[] = []
    const stop = classroom.logOf('r')!.watch(0, ({ kind }, index) => seen.push(`${index} ${kind}`))
    classroom.perform(request({ query: '?run=other&client=native' }))
    classroom.perform(request())
    stop()
    classroom.perform(request())
    expect(seen).toEqual(['0 request'])
  })

  test.each(['', '?run=r', '?client=native', '?run=a%20b&client=c', `?run=${'x'.repeat(65)}&client=c`])(
    'performs nothing for the query %j',
    (query) => expect(new Classroom().perform(request({ query }))).toBeUndefined(),
  )

  test.each(['nothing', 'constructor', '__proto__'])('has no stream %j', (stream) =>
    expect(new Classroom().perform(request({ stream }))).toBeUndefined(),
  )

  test('stops a run that asks too often, with the status that ends an EventSource', () => {
    const classroom = new Classroom({ maxRequests: 3, maxPerSecond: 100 })
    const statuses = Array.from({ length: 5 }, () => classroom.perform(request())!.reply.status)
    expect(statuses).toEqual([200, 200, 200, 204, 204])
    expect(classroom.perform(request({ query: '?run=next&client=native' }))!.reply.status).toBe(200)
  })

  test('refuses more requests in a second than its limit', () => {
    let now = 5000
    const classroom = new Classroom({ maxPerSecond: 2, now: () => now })
    const status = () => classroom.perform(request())!.reply.status
    expect([status(), status(), status()]).toEqual([200, 200, 429])
    now += 1000
    expect(status()).toBe(200)
  })

  test('refuses more open streams than its limit, until one ends', () => {
    const classroom = new Classroom({ maxStreams: 2 })
    const [first] = [classroom.perform(request())!, classroom.perform(request())!]
    const refused = classroom.perform(request())!
    expect(refused.reply.status).toBe(503)
    refused.ended('finish')
    first.ended('left')
    // Told twice, it counts once.
    first.ended('left')
    expect([classroom.perform(request())!.reply.status, classroom.perform(request())!.reply.status]).toEqual([200, 503])
  })

  test('forgets the oldest runs', () => {
    const classroom = new Classroom({ maxRuns: 2, maxRequests: 1 })
    const status = (run: string) => classroom.perform(request({ query: `?run=${run}&client=c` }))!.reply.status
    expect([status('a'), status('a'), status('b'), status('c'), status('a')]).toEqual([200, 204, 200, 200, 200])
  })
})
