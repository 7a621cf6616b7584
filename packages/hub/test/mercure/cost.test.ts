import { describe, expect, test } from 'vitest'
import { admitEvent } from '../../src/http/publish/admit-event.ts'
import { parseEventJson } from '../../src/http/publish/event-json.ts'
import { admittedEvents } from '../../src/hub/admitted-events.ts'
import { createHubCore } from '../../src/hub/hub-core.ts'
import { Selection } from '../../src/hub/selection.ts'
import { costOf, everyTopic, exactTopic, selects, topicSelector, urlPattern } from '../../src/matching/matcher.ts'
import { Topic } from '../../src/matching/topic.ts'
import { createMemoryStore } from '../../src/store/memory.ts'
import { problemOf, serve } from '../http/serve-hub.ts'

const form = { 'content-type': 'application/x-www-form-urlencoded' }
/** The costliest pattern that was found (see docs/decisions/0007): 706 bytes, and 183 steps for each character of a topic. */
const worst = (n: number) => `/${n}/*(${'(?:aaaa)*a'.repeat(70)})c*`

const selecting = (name: string, values: readonly string[]) =>
  new URLSearchParams(values.map((value) => [name, value])).toString()

describe('what a stranger can make the hub work', () => {
  test('a topic has at most 4096 bytes, as a matcher has', async () => {
    const { post } = await serve()
    expect((await post({ topic: 'x'.repeat(4096) })).status).toBe(200)
    for (const topic of ['x'.repeat(4097), 'é'.repeat(2049), 'x'.repeat(1_000_000)]) {
      const problem = await problemOf(await post({ topic }))
      expect(problem).toMatchObject({ status: 413, code: 'TOO_LARGE', detail: expect.stringContaining('4096') })
      expect(problem.detail.length).toBeLessThan(300)
    }
  })

  test('all topics of an event have at most 64 KiB together', async () => {
    const { post } = await serve()
    const topics = (count: number) => Array.from({ length: count }, (_, n) => ['topic', `${n}`.padEnd(4096, 'x')])
    expect((await post(topics(16))).status).toBe(200)
    expect(await problemOf(await post(topics(17)))).toMatchObject({
      status: 413,
      code: 'TOO_LARGE',
      detail: expect.stringContaining('65536'),
    })
    const many = Array.from({ length: 1000 }, (_, n) => ['topic', `https://example.com/books/${n}`])
    expect((await post(many)).status).toBe(200)
  })

  test('too many matchers are refused before the first of them is compiled', async () => {
    const { url } = await serve()
    // The first is no pattern: had it been compiled, the answer were about that.
    const body = `match_urlpattern=%7B&${selecting('match_urlpattern', Array(1000).fill('/:a/*'))}`
    const response = await fetch(url, { method: 'QUERY', headers: form, body })
    expect(await problemOf(response)).toMatchObject({ status: 400, detail: expect.stringContaining('1001 matchers') })
  })

  test('a QUERY has at most 64 KiB, or what as many matchers as it may have need', async () => {
    const limits = { maxMatchers: 1 }
    const { url } = await serve({ limits })
    const query = async (bytes: number) => {
      const response = await fetch(url, { method: 'QUERY', headers: form, body: 'match=a&x='.padEnd(bytes, 'x') })
      await response.body!.cancel()
      return response.status
    }
    expect([await query(65_536), await query(65_537)]).toEqual([200, 413])
    limits.maxMatchers = 200
    expect([await query(131_000), await query(131_001)]).toEqual([200, 413])
  })

  test.each([
    ['POST', 'no form of an event', 'topic=a&'],
    ['QUERY', 'no form of selectors', 'match=a&'],
  ])('by %s, %s has fields without number', async (method, _, field) => {
    const { url } = await serve()
    for (const body of [field.repeat(2000), `${field}${'%&'.repeat(2000)}`, `${field}${'a=&'.repeat(2000)}`]) {
      const response = await fetch(url, { method, headers: form, body })
      expect(await problemOf(response)).toMatchObject({
        status: 413,
        code: 'TOO_LARGE',
        detail: expect.stringMatching(/more than \d+ fields/),
      })
    }
  })

  test('topics are counted before it is asked who may publish on each of them', async () => {
    const hub = await createHubCore({ store: createMemoryStore() })
    let asked = 0
    const defaults = { key: undefined, trace: undefined }
    const permission = { assertMayPublish: () => void asked++ }
    const raw = (count: number) => parseEventJson(Buffer.from(JSON.stringify({ topic: Array(count).fill('a') })))
    expect(() => admitEvent(raw(1001), permission, hub, defaults)).toThrow('1001 topics')
    expect(asked).toBe(0)
    admitEvent(raw(1000), permission, hub, defaults)
    expect(asked).toBe(1)
  })

  test('the patterns of a subscription have at most 16 KiB together, and exact topics do not count', async () => {
    const { url } = await serve()
    const query = (body: string) => fetch(url, { method: 'QUERY', headers: form, body })
    const patterns = (count: number) => Array.from({ length: count }, (_, n) => `/${n}/`.padEnd(4095, 'x').concat('*'))
    const fitting = await query(selecting('match_urlpattern', patterns(4)))
    expect(fitting.status).toBe(200)
    await fitting.body!.cancel()
    for (const name of ['match_urlpattern', 'topic']) {
      const values = name === 'topic' ? patterns(5).map((text) => text.replace('*', '{x}').slice(2)) : patterns(5)
      expect(await problemOf(await query(selecting(name, values)))).toMatchObject({
        status: 400,
        code: 'INVALID_MATCHER',
        detail: expect.stringContaining('16384 bytes'),
      })
    }
    const exact = await query(
      selecting(
        'match',
        patterns(15).map((text) => text.slice(0, -1)),
      ),
    )
    expect(exact.status).toBe(200)
    await exact.body!.cancel()
  })

  test('the patterns of a subscription may together cost 512 steps for a character of a topic, and no more', async () => {
    const { url, open } = await serve()
    expect((await open(selecting('match_urlpattern', [worst(1), worst(2)]))).response.status).toBe(200)
    const response = await fetch(`${url}?${selecting('match_urlpattern', [worst(1), worst(2), worst(3)])}`)
    expect(await problemOf(response)).toMatchObject({
      status: 400,
      code: 'INVALID_MATCHER',
      detail: expect.stringMatching(/too costly together.*simpler/),
    })
  })

  test('but a hundred patterns as people write them are no trouble', async () => {
    const { open } = await serve()
    const written = [
      'https://example.com/users/N/books/:id',
      'https://example.com/:lang(en|de|fr|it)/N/:slug',
      'https://*.example.com/N/:a/:b?',
      'https://example.com/N/:year(\\d{4})/:month(\\d\\d)',
    ]
    const patterns = Array.from({ length: 100 }, (_, n) => written[n % 4]!.replace('N', `${n}`))
    expect((await open(selecting('match_urlpattern', patterns))).response.status).toBe(200)
    const templates = Array.from({ length: 100 }, (_, n) => `https://example.com/users/${n}/{?topic}`)
    expect((await open(selecting('topic', templates))).response.status).toBe(200)
  })

  test.each([
    ['a pattern', urlPattern('https://ex.com/:a/*.x', 'https://hub.example/')],
    ['the worst pattern', urlPattern(worst(1), 'https://ex.com/')],
    ['a pattern of choices', urlPattern('/((?:a{1}|a{2}|a{3})*)b*', 'https://ex.com/')],
    ['a template', topicSelector('https://ex.com/{a}/bar{?x,y}')],
    ['a template without bounds', topicSelector('{a*}{/b*}{?c*,d*}{&e*}')],
  ])('what %s is said to cost is never less than what it does', (_, matcher) => {
    for (const topic of ['https://ex.com/a/b.x', `https://ex.com/1/${'a'.repeat(4000)}`, '?a=b,'.repeat(800)]) {
      const work = { steps: 0 }
      selects(matcher, new Topic(topic), work)
      expect(work.steps).toBeLessThanOrEqual(costOf(matcher) * (topic.length + 1))
    }
  })

  test.each([
    ['the worst patterns there may be, long topics', [worst(1), worst(2)], 4000, 20, 20],
    ['the worst patterns there may be, topics of 60 characters', [worst(1), worst(2)], 60, 250, 10],
    ['a pattern as people write them', ['https://ex.com/books/:id'], 60, 250, 0],
  ])(
    'reading a page of the history by %s leaves turns to others',
    async (_, patterns, length, eventCount, leastTurns) => {
      const selection = new Selection(patterns.map((each) => urlPattern(each, 'https://ex.com/')))
      const topics = [`https://ex.com/1/${'a'.repeat(length)}`]
      const events = Array.from({ length: eventCount }, () => ({ topics, isPrivate: false }))
      let turns = 0
      let isReading = true
      const count = () => {
        turns++
        if (isReading) setImmediate(count)
      }
      setImmediate(count)
      expect(await admittedEvents(events, selection)).toEqual([])
      isReading = false
      expect(turns).toBeGreaterThanOrEqual(leastTurns)
    },
  )

  test('reading a page of the history by topics, or all of it, takes no further turn', async () => {
    const events = Array.from({ length: 1000 }, (_, n) => ({
      topics: [`${n}`.padEnd(4096, 'x')],
      isPrivate: n % 2 > 0,
    }))
    for (const matcher of [everyTopic, exactTopic('a')]) {
      let hasTurned = false
      setImmediate(() => {
        hasTurned = true
      })
      const admitted = await admittedEvents(events, new Selection([matcher]))
      expect([admitted.length, hasTurned]).toEqual([matcher === everyTopic ? 500 : 0, false])
    }
  })
})
