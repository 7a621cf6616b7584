import type { Dialect } from './dialect.ts'
import type { PublishOrigins } from './publish-origins.ts'
import { Refusal } from './refusal.ts'

/** The parts of a request that matter for authorisation. */
export interface AuthRequest {
  readonly method: string
  /** All `Authorization` fields. */
  readonly authorization: readonly string[]
  readonly cookie: string | undefined
  readonly origin: string | undefined
  readonly referer: string | undefined
  readonly query: Pick<URLSearchParams, 'get' | 'getAll' | 'has'>
  /** The dialect of the request, if it shows: `topic` in a subscriber's query. */
  readonly dialect?: Dialect | undefined
}

/** An unverified token. */
export interface PresentedToken {
  readonly text: string
  readonly by: 'the Authorization header' | 'the query' | 'a cookie'
  /** Whether the client presented it in a way of Mercure 0.x. */
  readonly isOldWay: boolean
}

export interface PresentationRules {
  readonly cookieName: string
  readonly publishOrigins: PublishOrigins
  /** Whether the ways of Mercure 0.x are also accepted. */
  readonly isCompat: boolean
}

/** The cookie of Mercure 0.x. */
const oldCookieName = 'mercureAuthorization'
/** No signed token is shorter. */
const leastTokenLength = 41

/** The parts of a Node request, over HTTP/1.1 or HTTP/2, that we read. */
export interface NodeRequest {
  readonly method?: string | undefined
  readonly url?: string | undefined
  readonly rawHeaders: readonly string[]
}

/**
 * Reads the parts that matter from a Node request. Uses the raw headers, because Node silently
 * drops a second `Authorization`.
 */
export function readAuthRequest({ method = 'GET', url = '', rawHeaders }: NodeRequest, dialect?: Dialect): AuthRequest {
  const values: Record<(typeof headersRead)[number], string[]> = {
    authorization: [],
    cookie: [],
    origin: [],
    referer: [],
  }
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]!.toLowerCase()
    if (isRead(name)) values[name].push(rawHeaders[index + 1]!)
  }
  const { authorization, cookie, origin, referer } = values
  const start = url.indexOf('?')
  return {
    method,
    authorization,
    // [RFC 9113, 8.2.3] HTTP/2 may split the cookie header.
    cookie: cookie.length === 0 ? undefined : cookie.join('; '),
    // With two origins, none can be allowed.
    origin: origin.length > 1 ? 'null' : origin[0],
    referer: referer[0],
    query: start < 0 ? noQuery : new URLSearchParams(url.slice(start + 1)),
    dialect,
  }
}

const noQuery = new URLSearchParams()
const headersRead = ['authorization', 'cookie', 'origin', 'referer'] as const

function isRead(name: string): name is (typeof headersRead)[number] {
  return (headersRead as readonly string[]).includes(name)
}

/**
 * Finds the token of a request: in the `Authorization` header, else in a cookie. For a request that
 * changes something, the cookie counts only from pages of allowed origins. Returns `undefined` if
 * there is no token. The first way that the client used counts, even with a bad token: no client
 * becomes anonymous by mistake.
 */
export function findToken(request: AuthRequest, rules: PresentationRules): PresentedToken | Refusal | undefined {
  if (request.authorization.length > 0) return fromHeader(request.authorization)
  // Neither dialect reads `access_token` (RFC 9700, 4.3.2): URLs end up in logs and browser
  // histories.
  const inQuery = rules.isCompat ? request.query.getAll('authorization') : []
  if (inQuery.length > 0) return fromQuery(inQuery)
  return fromCookie(request, rules)
}

function fromHeader(fields: readonly string[]): PresentedToken | Refusal {
  if (fields.length > 1) return malformed(`the request has ${fields.length} Authorization headers`)
  // [RFC 6750, 2.1] The scheme, case-insensitive (RFC 9110, 11.1), spaces, and a token68.
  const match = /^(?<scheme>[^\s,]*)(?: +(?<text>[\w.~+/-]+=*))?$/.exec(fields[0] ?? '')
  const { scheme = '', text } = match?.groups ?? {}
  if (match && scheme.toLowerCase() !== 'bearer')
    return malformed('the Authorization header is not of the scheme Bearer')
  if (text === undefined) return malformed('the Authorization header is not "Bearer", a space and a token')
  if (text.length < leastTokenLength) {
    return malformed(`the value in the Authorization header is ${text.length} characters long, too short for any token`)
  }
  return { text, by: 'the Authorization header', isOldWay: false }
}

function fromQuery(values: readonly string[]): PresentedToken | Refusal {
  const [text = ''] = values
  if (values.length > 1) return malformed(`the query has authorization ${values.length} times`)
  if (text.length < leastTokenLength) {
    return malformed(`authorization in the query is ${text.length} characters long, too short for any token`)
  }
  return { text, by: 'the query', isOldWay: true }
}

function fromCookie(request: AuthRequest, rules: PresentationRules): PresentedToken | Refusal | undefined {
  const isOwn = (cookie: Cookie) => cookie.name === rules.cookieName
  const isOld = (cookie: Cookie) => rules.isCompat && cookie.name === oldCookieName
  // [RFC 6265, 5.4] The first of several cookies with the same name has the longest path.
  const cookies = parseCookies(request.cookie ?? '')
  const cookie = cookies.find(isOwn) ?? cookies.find(isOld)
  if (!cookie) return undefined
  const { origin, referer } = request
  // A request that changes nothing needs no trusted page: CORS lets only trusted pages read the
  // response.
  if (!/^(GET|HEAD|QUERY)$/.test(request.method) && !rules.publishOrigins.allow(origin, referer)) {
    const why =
      origin === undefined && referer === undefined
        ? 'without an Origin or Referer header'
        : 'from a page whose origin is not one of publishOrigins (--publish-origins)'
    return malformed(`a cookie came with a ${request.method} ${why}`)
  }
  return { text: cookie.value, by: 'a cookie', isOldWay: isOld(cookie) }
}

interface Cookie {
  readonly name: string
  readonly value: string
}

function parseCookies(header: string): Cookie[] {
  return header.split(';').map((pair) => {
    const [name = '', ...rest] = pair.split('=')
    const value = rest.join('=').trim()
    return { name: name.trim(), value: /^".*"$/.test(value) ? value.slice(1, -1) : value }
  })
}

function malformed(reason: string): Refusal {
  return new Refusal('invalid_request', reason)
}
