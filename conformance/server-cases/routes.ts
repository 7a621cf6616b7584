import { createChannel, type Session, type SessionOptions } from '@headwater/sse/server'

/** What a client can ask the server under test for. The same in every runtime, whatever makes the session there. */
export interface Route {
  options?: SessionOptions
  /** As a producer of `createResponse`: what it returns, if it is a source, is piped. */
  produce: (session: Session, visit: Visit) => unknown
}

/** What the server knows of one request, for the test to ask about: `GET /visits?of=…`. */
export interface Visit {
  lastEventId: string
  /** The request's body, as text. */
  body: string
  /** How many items a source has made. */
  produced: number
  /** Whether a source was told that nobody wants more. */
  isSourceEnded: boolean
  /** What ended the session; null as long as it is open. */
  reason: string | null
}

/** As a client may not wait for the default two seconds. */
const soon: SessionOptions = { retryMs: 1, heartbeatMs: Number.POSITIVE_INFINITY }

export const routes: Record<string, Route> = {
  '/quiet': { produce: () => undefined },

  '/heartbeat': { options: { heartbeatMs: 20 }, produce: () => undefined },

  '/resume': {
    options: soon,
    produce(session) {
      session.send({ data: { resumedFrom: session.lastEventId }, id: 'é€' })
    },
  },

  '/close': {
    options: soon,
    produce(session) {
      session.send({ data: 'the only one', id: '1' })
      session.close()
    },
  },

  /** One event for each connection, the next number each time; the fourth is final. */
  '/drain': {
    options: { ...soon, drainSpreadMs: 0 },
    produce(session) {
      const next = Number(session.lastEventId) + 1
      session.send({ data: next, id: `${next}` })
      if (next < 4) session.drain()
      else session.close()
    },
  },

  '/max-duration': {
    options: { ...soon, maxDurationMs: 20 },
    produce(session) {
      const next = Number(session.lastEventId) + 1
      session.send({ data: next, id: `${next}` })
      if (next === 3) session.close()
    },
  },

  '/count': {
    options: soon,
    async *produce(_, visit) {
      for (; visit.produced < 1000; visit.produced++) yield { data: visit.produced, id: `${visit.produced}` }
    },
  },

  /** Data that a careless server would send as something else. */
  '/awkward': {
    options: soon,
    *produce() {
      for (const data of awkwardData) yield { type: 'awkward', data }
    },
  },

  '/failing': {
    options: { ...soon, onError: () => {} },
    async *produce() {
      yield 'before'
      throw new Error('not for the client')
    },
  },

  /** Endless, one event for each turn. */
  '/ticks': {
    options: soon,
    async *produce(_, visit) {
      try {
        for (;;) {
          yield { type: 'tick', data: visit.produced++ }
          await new Promise((resolve) => setTimeout(resolve, 1))
        }
      } finally {
        visit.isSourceEnded = true
      }
    },
  },

  /** 64 MiB, as fast as they are taken. */
  '/flood': {
    options: soon,
    async *produce(_, visit) {
      const data = 'x'.repeat(64 * 1024 - 8)
      for (; visit.produced < floodItems; visit.produced++) yield data
    },
  },

  '/echo': {
    options: soon,
    async *produce(_, visit) {
      for (const word of visit.body.split(' ')) yield { type: 'word', data: word }
    },
  },

  /** Three events to whoever comes first, one to whoever comes back. */
  '/channel': {
    options: soon,
    produce(session) {
      channel.subscribe(session)
      const news = session.lastEventId === '' ? ['one', 'two', 'three'] : ['welcome back']
      for (const data of news) channel.broadcast({ data })
    },
  },
}

export const floodItems = 1024

export const awkwardData = [
  '',
  ' leading space',
  'two\nlines',
  'two\r\nlines',
  'two\rlines',
  '\n',
  'ends with one\n',
  'data: not a field',
  ': no comment',
  'é€𝄞\uFEFF\u2028\0',
  'x'.repeat(200_000),
]

const channel = createChannel()

/** The visits of each test, which names itself by the query parameter `of`. */
const visits = new Map<string, Visit[]>()

export function beginVisit(session: Session, url: URL, body: string): Visit {
  const visit: Visit = { lastEventId: session.lastEventId, body, produced: 0, isSourceEnded: false, reason: null }
  const of = url.searchParams.get('of') ?? ''
  visits.set(of, [...visitsOf(url), visit])
  session.closed.then((reason) => {
    visit.reason = reason
  })
  return visit
}

export function visitsOf(url: URL): Visit[] {
  return visits.get(url.searchParams.get('of') ?? '') ?? []
}
