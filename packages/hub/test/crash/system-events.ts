import { setTimeout as pause } from 'node:timers/promises'
import { sign } from '../auth/tokens.ts'

// What is published and asked for in the crash test of the whole system: each event follows from its publisher and its number,
// and what a subscriber selects is said once for the hub, as a query, and once for the checker, as a predicate.

export interface SystemEvent {
  readonly publisher: number
  readonly number: number
  readonly topics: readonly string[]
  readonly data: string
  readonly isPrivate: boolean
  readonly type: string | undefined
  readonly id: string | undefined
  readonly retryMs: number | undefined
}

const site = 'https://crash.example'
const rooms = 8
const users = 5

/** `withIds`: whether some events have an ID of their publisher's own. */
export function systemEvent(publisher: number, number: number, withIds: boolean): SystemEvent {
  const topics = [`${site}/rooms/${publisher % rooms}`]
  if (number % 3 === 0) topics.push(`${site}/users/${number % users}`)
  if (number % 7 === 0) topics.push('every seventh')
  // Some fill several packets and pages of the database, most share one.
  const length = number % 40 === 0 ? 9000 : (number * 37 + publisher) % 300
  return {
    publisher,
    number,
    topics,
    data: `${publisher}:${number} ${'⛲ Headwater\n :'.repeat(length / 14)}`,
    isPrivate: number % 5 === 0,
    type: number % 6 === 0 ? 'sixth' : undefined,
    id: withIds && number % 4 === 0 ? `urn:crash:${publisher}:${number}` : undefined,
    // How soon clients come back. The standard says 3 seconds, which is longer than the hub lives here.
    retryMs: number % 4 === 1 ? 40 + ((number * 13) % 100) : undefined,
  }
}

/** A public event that everybody gets: the first, or the last. */
export function eventForAll(publisher: number, number: 0 | 1): SystemEvent {
  const topics = [
    ...Array.from({ length: rooms }, (_, room) => `${site}/rooms/${room}`),
    ...Array.from({ length: users }, (_, user) => `${site}/users/${user}`),
    'every seventh',
  ]
  const data = `${publisher}:${number} ${number === 0 ? 'first' : 'last'}`
  return { publisher, number, topics, data, isPrivate: false, type: undefined, id: undefined, retryMs: 50 }
}

export interface Wish {
  readonly query: string
  readonly says: string
  selects(topics: readonly string[]): boolean
}

/** What subscribers ask for, one after the other. */
export function wish(index: number): Wish {
  const room = `${site}/rooms/${index % rooms}`
  const next = `${site}/rooms/${(index + 3) % rooms}`
  const user = `${site}/users/${index % users}`
  const any = (...wanted: string[]) => ({
    query: wanted.map((topic) => `match=${encodeURIComponent(topic)}`).join('&'),
    selects: (topics: readonly string[]) => topics.some((topic) => wanted.includes(topic)),
  })
  switch (index % 6) {
    case 0:
      return { says: 'one topic', ...any(room) }
    case 1:
      return { says: 'several topics', ...any(room, next, user, 'every seventh') }
    case 2:
      return {
        says: 'a URL pattern',
        query: `match_urlpattern=${encodeURIComponent(`${site}/rooms/:room([0-3])`)}`,
        selects: (topics) => topics.some((topic) => /\/rooms\/[0-3]$/.test(topic)),
      }
    case 3:
      return {
        says: 'a topic and a pattern',
        query: `${any(user).query}&match_urlpattern=${encodeURIComponent(`${site}/*/${index % 4}`)}`,
        selects: (topics) =>
          topics.some((topic) => topic === user || (topic.startsWith(site) && topic.endsWith(`/${index % 4}`))),
      }
    case 4:
      return { says: 'every seventh', ...any('every seventh') }
    default:
      return { says: 'all', query: 'match=*', selects: () => true }
  }
}

export interface Right {
  readonly says: string
  readonly headers: Record<string, string>
  mayHave(topics: readonly string[]): boolean
}

export const secret = 'the secret of the crash test, long enough'
const issuer = 'https://crash.example'
const audience = 'https://hub.crash.example/.well-known/mercure'

export const authFlags = [
  ...['--anonymous', '--publisher-key', secret, '--subscriber-key', secret, '--key-alg', 'HS256'],
  ...['--issuer', issuer, '--audience', audience],
]

/** Which private events subscribers may have: none, those of two rooms, all. */
export function right(index: number): Right {
  const room = `${site}/rooms/${index % rooms}`
  const other = `${site}/rooms/${(index + 1) % rooms}`
  switch (index % 3) {
    case 0:
      return { says: 'anonymous', headers: {}, mayHave: () => false }
    case 1:
      return {
        says: 'private events of two rooms',
        headers: bearer(['subscribe'], [{ match: room }, { match: other }]),
        mayHave: (topics) => topics.includes(room) || topics.includes(other),
      }
    default:
      return { says: 'all private events', headers: bearer(['subscribe'], [{ match: '*' }]), mayHave: () => true }
  }
}

export const publisherHeaders = bearer(['publish'], [{ match: '*' }])

/** The token of a hub at the edge. */
export const edgeToken = token(['replicate', 'publish'], [{ match: '*' }])

function bearer(actions: readonly string[], topics: readonly unknown[]): { authorization: string } {
  return { authorization: `Bearer ${token(actions, topics)}` }
}

function token(actions: readonly string[], topics: readonly unknown[]): string {
  const claims = {
    iss: issuer,
    aud: audience,
    exp: Math.floor(Date.now() / 1000) + 24 * 3600,
    authorization_details: [{ type: 'https://mercure.rocks/authorization-detail', actions, topics }],
  }
  return sign(claims, { key: secret })
}

/** A while up to so many milliseconds, long and short by turns. */
export function someTime(random: () => number, maxMs: number): Promise<void> {
  return pause(random() * random() * maxMs)
}
