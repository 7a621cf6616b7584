import { describe, expect, test } from 'vitest'
import { createMemoryStore } from '../../src/store/memory.ts'
import { bearer, everything, serveGuarded } from '../http/access/guarded-hub.ts'
import { type Serving, serve } from '../http/serve-hub.ts'

async function publish({ post }: Serving, topic: string, data: string, more: Record<string, string> = {}) {
  const response = await post({ topic, data, ...more }, everything)
  expect(response.status).toBe(200)
  return await response.text()
}

async function take({ open }: Serving, query: string, count: number, headers: Record<string, string> = {}) {
  const subscribed = await open(query, headers)
  const datas: string[] = []
  while (datas.length < count) datas.push((await subscribed.next()).data)
  await subscribed.close()
  return { datas, header: subscribed.response.headers.get('mercure-last-event-id') }
}

describe('a last event id', () => {
  test('is a place in one sequence of all topics, be it of an event of another topic', async () => {
    const hub = await serve()
    await publish(hub, 'a', '1')
    const ofAnother = await publish(hub, 'b', '2')
    await publish(hub, 'a', '3')
    await publish(hub, 'b', '4')
    await publish(hub, 'a', '5')
    expect(await take(hub, `match=a&last_event_id=${ofAnother}`, 2)).toEqual({ datas: ['3', '5'], header: ofAnother })
  })

  test('in the header counts before the one in the query, unless it is empty', async () => {
    const hub = await serve()
    const [first, second] = [await publish(hub, 'a', '1'), await publish(hub, 'a', '2')]
    await publish(hub, 'a', '3')
    const { datas } = await take(hub, `match=a&last_event_id=${first}`, 1, { 'last-event-id': second })
    expect(datas).toEqual(['3'])
    expect((await take(hub, `match=a&last_event_id=${first}`, 2, { 'last-event-id': '' })).datas).toEqual(['2', '3'])
  })

  test.each(['last_event_id', 'lastEventID', 'Last-Event-ID'])('may be given as %s', async (name) => {
    const hub = await serve()
    const first = await publish(hub, 'a', '1')
    await publish(hub, 'a', '2')
    expect(await take(hub, `topic=a&${name}=${first}`, 1)).toEqual({ datas: ['2'], header: first })
  })

  test('that is earliest means everything that is kept', async () => {
    const hub = await serve({ store: createMemoryStore({ maxEvents: 2 }) })
    for (const data of ['1', '2', '3']) await publish(hub, 'a', data)
    expect(await take(hub, 'match=a&last_event_id=earliest', 2)).toEqual({ datas: ['2', '3'], header: 'earliest' })
  })

  test('means one event: nobody can publish it again', async () => {
    const hub = await serve()
    await publish(hub, 'a', '1', { id: 'mine' })
    expect((await hub.post({ topic: 'other', id: 'mine' })).status).toBe(409)
    await publish(hub, 'a', '2')
    expect((await take(hub, 'match=a&last_event_id=mine', 1)).datas).toEqual(['2'])
  })

  test('that is unknown or gone is answered earliest, told as a gap, and everything kept follows', async () => {
    const hub = await serve({ store: createMemoryStore({ maxEvents: 2 }) })
    const gone = await publish(hub, 'a', '1')
    for (const data of ['2', '3', '4']) await publish(hub, 'a', data)
    for (const [id, reason] of [
      [gone, 'trimmed'],
      ['urn:uuid:gone', 'unknown'],
    ]) {
      const { open } = hub
      const subscribed = await open(`match=a&last_event_id=${id}`)
      expect(subscribed.response.headers.get('mercure-last-event-id')).toBe('earliest')
      const gap = await subscribed.nextOfAny()
      expect([gap?.type, JSON.parse(gap!.data)]).toEqual([
        'headwater-gap',
        { reason, requested: id, earliest: expect.any(String) },
      ])
      expect([(await subscribed.next()).data, (await subscribed.next()).data]).toEqual(['3', '4'])
    }
  })

  test('gives what was missed and then what comes, without gap or duplicate, while others publish', async () => {
    const hub = await serve()
    const first = await publish(hub, 'a', '0')
    const publishing = (async () => {
      for (let n = 1; n <= 300; n++) await publish(hub, n % 2 ? 'a' : 'b', `${n}`)
    })()
    for (let round = 0; round < 5; round++) {
      const { datas } = await take(hub, `match=*&last_event_id=${first}`, 300)
      expect(datas).toEqual(Array.from({ length: 300 }, (_, n) => `${n + 1}`))
    }
    await publishing
  })

  test('without any it is what comes next, and there is no header', async () => {
    const hub = await serve()
    await publish(hub, 'a', 'before')
    const subscribed = await hub.open('match=a')
    await publish(hub, 'a', 'after')
    expect((await subscribed.next()).data).toBe('after')
    expect(subscribed.response.headers.get('mercure-last-event-id')).toBe(null)
  })
})

describe('what may not be read', () => {
  test('is not replayed either: by the rights of now, not by those of the time', async () => {
    const hub = await serveGuarded()
    const first = await publish(hub, 'start', '0')
    await publish(hub, 'users/42', 'private', { private: 'on' })
    await publish(hub, 'news', 'public')
    const query = `match=*&last_event_id=${first}`
    expect((await take(hub, query, 1)).datas).toEqual(['public'])
    expect((await take(hub, query, 1, bearer(['subscribe'], { match: 'users/43' }))).datas).toEqual(['public'])
    expect((await take(hub, query, 2, bearer(['subscribe'], { match: 'users/42' }))).datas).toEqual([
      'private',
      'public',
    ])
  })

  test('is not told of by its id, whatever is asked: neither in a header nor in the stream', async () => {
    const hub = await serveGuarded()
    await publish(hub, 'news', '1')
    const secret = await publish(hub, 'users/42', 'private', { private: 'on', id: 'the-secret-id' })
    for (const asked of ['', 'urn:uuid:unknown', 'earliest', '-1', '-5']) {
      const subscribed = await hub.open(`match=*&match=users/42&last_event_id=${asked}`)
      await publish(hub, 'news', 'end')
      const said = [...subscribed.response.headers].flat()
      for (;;) {
        const event = await subscribed.nextOfAny()
        said.push(event!.id ?? '', event!.data)
        if (event!.data === 'end') break
      }
      expect(said.join('\n')).not.toContain(secret)
      await subscribed.close()
    }
  })

  test('is unknown to who brings its id, like one that was never published', async () => {
    const hub = await serveGuarded()
    await publish(hub, 'news', '1')
    await publish(hub, 'users/42', 'private', { private: 'on', id: 'known' })
    await publish(hub, 'news', '2')
    const resumeFrom = async (id: string) => {
      const subscribed = await hub.open(`match=*&last_event_id=${id}`)
      const gap = await subscribed.nextOfAny()
      const datas = [(await subscribed.next()).data, (await subscribed.next()).data]
      const { requested, ...rest } = JSON.parse(gap!.data) as Record<string, unknown>
      const header = subscribed.response.headers.get('mercure-last-event-id')
      return { type: gap!.type, isAsked: requested === id, rest, datas, header }
    }
    const answer = await resumeFrom('known')
    expect(answer).toMatchObject({ rest: { reason: 'unknown' }, datas: ['1', '2'], header: 'earliest' })
    expect(answer).toEqual(await resumeFrom('never-published'))
  })
})
