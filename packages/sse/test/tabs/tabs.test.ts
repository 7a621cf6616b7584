import { describe, expect, it } from 'vitest'
import { EventSource, events } from '../../src/client/index.ts'
import { ownEnvironment } from '../../src/tabs/environment.ts'
import { tabs } from '../../src/tabs/index.ts'
import { shareAmong, type TabsOptions } from '../../src/tabs/tabs.ts'
import { World } from './world.ts'

const url = 'http://server.test/events'

describe('tabs()', () => {
  it('opens one connection, and tells each tab what it does', async () => {
    const world = new World(1)
    const first = world.open()
    await world.advance(1000)
    const second = world.open()
    await world.advance(1000)
    world.server.publish()
    await world.advance(1000)
    expect(world.server.connections.size).toBe(1)
    expect([first.share.role, second.share.role]).toEqual(['leader', 'follower'])
    expect([first.seen, second.seen]).toEqual([
      ['open', '1'],
      ['open', '1'],
    ])
    first.close()
    expect(first.share.role).toBe('closed')
  })

  it('connects at once if there is no other tab', async () => {
    const world = new World(1)
    world.maxDelayMs = 1
    const tab = world.open()
    await world.advance(10)
    expect(tab.seen).toEqual(['open'])
  })

  it('shows a lost connection and its return in every tab, and in one that opens meanwhile', async () => {
    const world = new World(1)
    const tabs = [world.open(), world.open()]
    await world.advance(1000)
    world.server.isUp = false
    world.server.cut()
    await world.advance(1000)
    const late = world.open()
    await world.advance(500)
    expect(tabs.map(({ seen }) => seen)).toEqual([
      ['open', 'error'],
      ['open', 'error'],
    ])
    expect(late.seen).toEqual(['error'])
    world.server.isUp = true
    await world.advance(10_000)
    for (const tab of [...tabs, late]) expect(tab.seen.at(-1)).toBe('open')
  })

  it('shows a take-over as an interruption, after which nothing is missing', async () => {
    const world = new World(1)
    const [first, second] = [world.open(), world.open()]
    await world.advance(1000)
    first.close()
    world.server.publish()
    await world.advance(1000)
    expect(second.seen).toEqual(['open', 'error', 'open', '1'])
  })

  it('resumes after the lastEventId of a tab that joins, from the other tabs or by its own request', async () => {
    const world = new World(1)
    for (let count = 0; count < 5; count++) world.server.publish()
    const first = world.open()
    await world.advance(1000)
    for (let count = 0; count < 3; count++) world.server.publish()
    await world.advance(1000)
    const known = world.open({ lastEventId: '6' })
    const unknown = world.open({ lastEventId: '2' })
    await world.advance(1000)
    world.server.publish()
    await world.advance(1000)
    expect(first.events).toEqual([6, 7, 8, 9])
    expect(known.events).toEqual([7, 8, 9])
    expect(unknown.events).toEqual([3, 4, 5, 6, 7, 8, 9])
    expect(known.roles).toEqual(['follower'])
    expect(unknown.roles).toEqual(['follower', 'apart', 'follower'])
    expect(world.server.connections.size).toBe(1)
  })

  it('closes all tabs when the stream is complete, and a new one makes its own attempt', async () => {
    const world = new World(1)
    const tabs = [world.open(), world.open()]
    await world.advance(1000)
    world.server.finish()
    await world.advance(1000)
    expect(tabs.map(({ seen }) => seen)).toEqual([
      ['open', 'closed'],
      ['open', 'closed'],
    ])
    const late = world.open()
    await world.advance(1000)
    expect(late.seen).toEqual(['closed'])
    world.server.isFinished = false
    const later = world.open()
    await world.advance(1000)
    expect(later.seen).toEqual(['open'])
  })

  it('takes the lock from a tab that froze without a word, within a quarter of a minute', async () => {
    const world = new World(1)
    const [first, second] = [world.open(), world.open()]
    await world.advance(1000)
    first.freeze(false)
    world.server.publish()
    await world.advance(15_000)
    expect(second.events).toEqual([1])
    expect(second.share.role).toBe('leader')
    first.thaw()
    world.server.publish()
    await world.advance(10_000)
    expect([first.events, second.events]).toEqual([
      [1, 2],
      [1, 2],
    ])
    expect(first.share.role).toBe('follower')
    expect(world.server.connections.size).toBe(1)
  })

  it('keeps a follower that a slow application holds back from losing anything', async () => {
    const world = new World(1)
    const [, slow] = [world.open(), world.open()]
    slow.slownessMs = 5000
    await world.advance(6000)
    for (let count = 0; count < 100; count++) world.server.publish()
    await world.advance(60_000)
    expect(slow.events).toEqual(Array.from({ length: 100 }, (_, index) => index + 1))
  })

  it('merges selections: each tab gets its own, and one connection selects all', async () => {
    const world = new World(1)
    const tabs = [world.open({}, [0]), world.open({}, [1, 2]), world.open({}, [2])]
    await world.advance(2000)
    for (let count = 0; count < 6; count++) world.server.publish()
    await world.advance(2000)
    expect(tabs.map(({ events }) => events)).toEqual([
      [3, 6],
      [1, 2, 4, 5],
      [2, 5],
    ])
    expect(world.server.connections.size).toBe(1)
    expect(world.server.mostMatchers).toBe(3)
    // Those that were there are not told of a connection that only selects more.
    expect(tabs[0]!.seen).toEqual(['open', '3', '6'])
  })

  it('ends for all, with the reason, if a server does not say which matchers select an event', async () => {
    const world = new World(1)
    world.server.isMarkingAtAll = false
    const tab = world.open({}, [0, 1, 2])
    await world.advance(1000)
    world.server.publish()
    await world.advance(1000)
    expect(tab.seen).toEqual(['open', 'closed'])
    expect(tab.failure?.message).toContain('without saying which matchers select it. Leave out merge')
  })

  it('leaves the others alone when the server refuses what one of them selects', async () => {
    const world = new World(1)
    world.server.refusedTopic = 9
    const tabs = [world.open({}, [0]), world.open({}, [1])]
    await world.advance(1000)
    const refused = world.open({}, [9])
    await world.advance(1000)
    for (let count = 0; count < 3; count++) world.server.publish()
    await world.advance(1000)
    expect(tabs.map(({ seen }) => seen)).toEqual([
      ['open', '3'],
      ['open', '1'],
    ])
    expect(refused.failure?.code).toBe('UNEXPECTED_RESPONSE')

    // The one that is refused may also be the first to have the lock.
    const second = new World(1)
    second.server.refusedTopic = 9
    const first = second.open({}, [9])
    const other = second.open({}, [0])
    await second.advance(5000)
    for (let count = 0; count < 3; count++) second.server.publish()
    await second.advance(1000)
    expect(first.seen).toEqual(['closed'])
    expect(other.events).toEqual([3])
  })

  it.each(['locks', 'channels'])('has a connection of its own where the browser refuses %s', async (what) => {
    const world = new World(1)
    const tab = world.open({ lastEventId: '0' }, undefined, what)
    await world.advance(1000)
    world.server.publish()
    await world.advance(1000)
    expect(tab.share.role).toBe('alone')
    expect(tab.seen).toEqual(['open', '1'])
    tab.close()
    expect(world.server.connections.size).toBe(0)
  })

  it('has a connection of its own where nothing can be shared, and says so', async () => {
    const share = shareAmong(undefined, {})
    const asked: string[] = []
    const fetch = async (address: string) => {
      asked.push(address)
      return new Response(null, { status: 204 })
    }
    const source = new EventSource(url, { share: shareAmong(undefined, { key: 'me' }), fetch })
    await new Promise<void>((resolve) => {
      source.onerror = () => resolve()
    })
    expect(asked).toEqual([url])
    const stream = events(url, { share })
    expect(share.role).toBe('alone')
    stream.close()
  })

  it.each<[string, object, TabsOptions, string]>([
    ['another method', { method: 'POST' }, {}, 'shares GET requests without a body, and this is POST.'],
    ['a body', { body: 'x' }, {}, 'shares GET requests without a body, and this is POST with a body'],
    [
      'a function of headers without a key',
      { headers: () => ({}) },
      {},
      "headers is a function: another tab's may ask",
    ],
    ['a fetch without a key', { fetch: () => {} }, {}, "fetch is a function: another tab's may ask"],
    ['a function of URLs with merge', { url: () => url }, { key: '1', merge: true }, 'Leave out the option url'],
  ])('refuses %s', (_, options, tabsOptions, message) => {
    expect(() => new EventSource(url, { ...options, share: shareAmong(undefined, tabsOptions) })).toThrow(message)
  })

  it('refuses a URL that says where to resume', () => {
    const open = () => new EventSource(`${url}?match=a&last_event_id=1`, { share: shareAmong(undefined, {}) })
    expect(open).toThrow('Pass the option lastEventId')
  })

  it('refuses options that there are not, and what is not made by it', () => {
    expect(() => tabs({ onrole: () => {} } as never)).toThrow(
      'There is no "onrole" in tabs()\'s options. Did you mean onRole?',
    )
    expect(() => new EventSource(url, { share: 'tabs' as never })).toThrow('share is tabs, expected function of tabs()')
  })

  it('does not connect, or vote, before its first step is asked for, nor after its signal', async () => {
    const world = new World(1)
    const tab = world.open({ signal: AbortSignal.abort() })
    await world.advance(1000)
    expect(tab.seen).toEqual([])
    expect(tab.share.role).toBe('closed')
    expect(world.server.connections.size).toBe(0)
  })

  it('has what it needs of the runtime, where there is all of it', () => {
    const environment = ownEnvironment()
    expect(environment !== undefined).toBe(globalThis.navigator?.locks !== undefined)
  })
})
