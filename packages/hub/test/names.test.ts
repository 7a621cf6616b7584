import { createResponse, type Session } from '@headwater/sse/server'
import { describe, expect, onTestFinished, test } from 'vitest'
import {
  createHub,
  createMemoryStore,
  everyTopic,
  type Hub,
  Metrics,
  openSqliteStore,
  openStore,
  TokenAuthorizer,
} from '../src/index.ts'

// Programs in JavaScript, and options from a variable, which no compiler checks.

async function create(options: object = {}): Promise<Hub> {
  const hub = await createHub({ store: createMemoryStore(), authorize: () => ({}), ...options })
  onTestFinished(() => hub.close())
  return hub
}

describe('a name that does not exist is refused, with the one that was meant, in', () => {
  test.each<[string, () => unknown, string]>([
    ['createHub', () => create({ cors: ['*'] }), 'Did you mean corsOrigins?'],
    ['createHub', () => create({ subscription: true }), 'Did you mean subscriptions?'],
    ['its limits', () => create({ limits: { maxSubscriber: 1 } }), 'Did you mean maxSubscribers?'],
    ['its session', () => create({ session: { heartbeat: 1 } }), 'Did you mean heartbeatMs?'],
    ['its subscriptions', () => create({ subscriptions: { compact: true } }), 'Did you mean compat?'],
    ['listen', async () => (await create()).listen({ hostname: 'localhost', port: 0 } as never), 'Did you mean host?'],
    ['createMemoryStore', () => createMemoryStore({ maxEvent: 1 } as never), 'Did you mean maxEvents?'],
    ['openStore', () => openStore('memory:', { maxAge: 1 } as never), 'Did you mean maxAgeMs?'],
    ['openSqliteStore', () => openSqliteStore({ dir: '/tmp' } as never), 'Did you mean directory?'],
    ['Metrics', () => new Metrics({ threads: 1 } as never), 'Did you mean thread?'],
    ['rules of tokens', () => TokenAuthorizer.create({ audiences: '' } as never), 'Did you mean audience?'],
    ['TokenAuthorizer', () => TokenAuthorizer.create(anyone, { onWarn() {} } as never), 'Did you mean onWarning?'],
    ['publish', async () => (await create()).publish({ topic: 'a', event: 'b' } as never), 'Did you mean type?'],
    ['publish', async () => (await create()).publish({ topic: 'a', privat: true } as never), 'Did you mean private?'],
    ['publishAll', async () => (await create()).publishAll([{ topics: ['a'] } as never]), 'Did you mean topic?'],
    ['publish', async () => (await create()).publish('text' as never), 'is not an event'],
    [
      "a typed topic's publish",
      async () => (await create()).topic('a').broadcast({ data: 1, event: 'b' } as never),
      'Did you mean type?',
    ],
    ['subscribe', async () => (await create()).subscribe('a', { since: '1' } as never).next(), 'lastEventId?'],
    [
      "a topic's events",
      async () =>
        (await create())
          .topic('a')
          .events({ ongap() {} } as never)
          .next(),
      'Did you mean onGap?',
    ],
    [
      'lastEventId',
      async () => (await create()).lastEventId({ matchers: [everyTopic], right: [] } as never),
      'Did you mean rights?',
    ],
    [
      'openSubscription',
      async () => (await create()).openSubscription({ matchers: [everyTopic], lasteventid: '1' } as never),
      'Did you mean lastEventId?',
    ],
  ])('%s', async (_, call, message) => {
    await expect((async () => await call())()).rejects.toMatchObject({
      code: 'INVALID_OPTION',
      message: expect.stringContaining(message),
    })
  })

  test('what authorize returns: a misspelled expiry would never come', async () => {
    const errors: unknown[] = []
    const hub = await create({ authorize: () => ({ expires: 1 }), onError: (error: unknown) => errors.push(error) })
    const response = await hub.fetch(new Request('http://hub.test/.well-known/mercure?match=a'))
    expect(response?.status).toBe(500)
    expect(errors).toMatchObject([{ message: expect.stringContaining('Did you mean expiresAt?') }])
  })
})

test('a session gets one subscription, which can select many topics', async () => {
  const hub = await create()
  const [one, other] = await Promise.all([1, 2].map(() => hub.openSubscription({ matchers: [everyTopic] })))
  let session: Session | undefined
  createResponse(new Request('http://hub.test/'), (opened) => {
    session = opened
  })
  one!.deliverTo(session!)
  expect(() => other!.deliverTo(session!)).toThrow(expect.objectContaining({ code: 'ALREADY_SUBSCRIBED' }))
})

const anyone = { anonymousSubscribers: true }
