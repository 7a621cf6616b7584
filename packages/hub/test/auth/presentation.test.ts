import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { connect as connectHttp2, createServer as createHttp2Server } from 'node:http2'
import { type AddressInfo, connect } from 'node:net'
import { describe, expect, it } from 'vitest'
import type { AuthOptions } from '../../src/auth/auth-options.ts'
import { type AuthRequest, readAuthRequest } from '../../src/auth/presented-token.ts'
import { PublishOrigins } from '../../src/auth/publish-origins.ts'
import { authenticatorOf, bearer, claims, oneSecret, requestWith, sign } from './tokens.ts'

const good = sign(claims())
const bad = sign(claims(), { key: 'some secret that is not the right one' })
const oldGood = sign({ mercure: { publish: ['*'], subscribe: ['*'] } })
const ownCookie = '__Secure-mercure_access_token'

const anonymous: AuthOptions = { ...oneSecret, anonymousSubscribers: true }
const compat: AuthOptions = { ...anonymous, compat: true }

/** `token`, `anonymous`, or the name of the failure. */
async function outcomeOf(
  request: AuthRequest,
  options: AuthOptions = anonymous,
  role: 'publisher' | 'subscriber' = 'subscriber',
) {
  const { authenticator } = await authenticatorOf(options)
  const result = await authenticator.authenticate(request, role)
  if (result.name === 'authorized') return result.rights.isAnonymous ? 'anonymous' : 'token'
  expect(result.reason).not.toContain(good)
  return `${result.failure.name} ${result.failure.dialect}`
}

describe('the Authorization header', () => {
  it('has the scheme in any case, and as many spaces as one likes', async () => {
    for (const scheme of ['Bearer ', 'bearer ', 'BEARER ', 'bEaReR   ']) {
      expect(await outcomeOf(requestWith({ authorization: [scheme + good] }))).toBe('token')
    }
  })

  it('that is malformed is an invalid request', async () => {
    const fields = [
      '',
      good,
      'Bearer',
      'Bearer ',
      `Basic ${good}`,
      `DPoP ${good}`,
      `Bearer\t${good}`,
      `Bearer ${good} `,
      `Bearer ${good} ${good}`,
      `Bearer ${good}, Bearer ${good}`,
      `Bearer "${good}"`,
      `Bearer ${good.slice(0, 40)}`,
      `Bearer ${good}é`,
    ]
    for (const field of fields) {
      expect(await outcomeOf(requestWith({ authorization: [field] }))).toBe('invalid_request 1.0')
    }
  })

  it('must be there once: two of them are an invalid request, even when they are the same', async () => {
    expect(await outcomeOf(requestWith({ authorization: [`Bearer ${good}`, `Bearer ${good}`] }))).toBe(
      'invalid_request 1.0',
    )
  })

  it('makes cookies be ignored, the good ones and the bad', async () => {
    expect(await outcomeOf(bearer(good, { cookie: `${ownCookie}=${bad}` }))).toBe('token')
    expect(await outcomeOf(bearer(bad, { cookie: `${ownCookie}=${good}` }))).toBe('invalid_token 1.0')
    expect(await outcomeOf(requestWith({ authorization: ['Basic x'], cookie: `${ownCookie}=${good}` }))).toBe(
      'invalid_request 1.0',
    )
  })

  it('lets any page publish, without regard to its origin', async () => {
    expect(
      await outcomeOf(bearer(good, { method: 'POST', origin: 'https://evil.example' }), anonymous, 'publisher'),
    ).toBe('token')
  })
})

describe('the cookie', () => {
  it('is __Secure-mercure_access_token', async () => {
    for (const cookie of [`${ownCookie}=${good}`, `a=b; ${ownCookie}=${good}; c=d`, ` ${ownCookie} = "${good}" `]) {
      expect(await outcomeOf(requestWith({ cookie }))).toBe('token')
    }
    for (const cookie of [
      `mercure_access_token=${good}`,
      `x${ownCookie}=${good}`,
      `${ownCookie.toLowerCase()}=${good}`,
    ]) {
      expect(await outcomeOf(requestWith({ cookie }))).toBe('anonymous')
    }
  })

  it('may have another name', async () => {
    const named: AuthOptions = { ...anonymous, cookie: 'mercure_access_token' }
    expect(await outcomeOf(requestWith({ cookie: `mercure_access_token=${good}` }), named)).toBe('token')
    expect(await outcomeOf(requestWith({ cookie: `${ownCookie}=${good}` }), named)).toBe('anonymous')
  })

  it('of several with the same name is the first, which has the longest path', async () => {
    expect(await outcomeOf(requestWith({ cookie: `${ownCookie}=${good}; ${ownCookie}=${bad}` }))).toBe('token')
    expect(await outcomeOf(requestWith({ cookie: `${ownCookie}=${bad}; ${ownCookie}=${good}` }))).toBe(
      'invalid_token 1.0',
    )
  })

  it('mercureAuthorization counts only with compat, and after the other one', async () => {
    expect(await outcomeOf(requestWith({ cookie: `mercureAuthorization=${good}` }))).toBe('anonymous')
    expect(await outcomeOf(requestWith({ cookie: `mercureAuthorization=${oldGood}` }), compat)).toBe('token')
    expect(await outcomeOf(requestWith({ cookie: `mercureAuthorization=${good}; ${ownCookie}=${bad}` }), compat)).toBe(
      'invalid_token 1.0',
    )
  })

  it('is not checked for its page on GET, HEAD and QUERY', async () => {
    for (const method of ['GET', 'HEAD', 'QUERY']) {
      const request = requestWith({ method, cookie: `${ownCookie}=${good}`, origin: 'https://evil.example' })
      expect(await outcomeOf(request)).toBe('token')
    }
  })
})

describe('the cookie with a POST', () => {
  const post = (parts: Partial<AuthRequest>, publishOrigins: readonly string[] = ['https://shop.example']) =>
    outcomeOf(
      requestWith({ method: 'POST', cookie: `${ownCookie}=${good}`, ...parts }),
      { ...anonymous, publishOrigins },
      'publisher',
    )

  it('is good from a page of an allowed origin', async () => {
    expect(await post({ origin: 'https://shop.example' })).toBe('token')
  })

  it('is an invalid request from any other page', async () => {
    for (const origin of ['https://evil.example', 'http://shop.example', 'https://shop.example:8443', 'null', '']) {
      expect(await post({ origin })).toBe('invalid_request 1.0')
    }
  })

  it('is an invalid request without Origin and Referer, even when all origins are allowed', async () => {
    expect(await post({})).toBe('invalid_request 1.0')
    expect(await post({}, ['*'])).toBe('invalid_request 1.0')
  })

  it('goes by the Referer only when there is no Origin', async () => {
    expect(await post({ referer: 'https://shop.example/cart?x=1' })).toBe('token')
    expect(await post({ referer: 'https://evil.example/https://shop.example' })).toBe('invalid_request 1.0')
    expect(await post({ referer: 'shop.example' })).toBe('invalid_request 1.0')
    expect(await post({ origin: 'https://evil.example', referer: 'https://shop.example/' })).toBe('invalid_request 1.0')
    expect(await post({ origin: 'null', referer: 'https://shop.example/' })).toBe('invalid_request 1.0')
  })

  it('is an invalid request from everywhere when no origins are configured', async () => {
    expect(await post({ origin: 'https://shop.example' }, [])).toBe('invalid_request 1.0')
  })

  it('is good from everywhere with *', async () => {
    expect(await post({ origin: 'https://any.example' }, ['*'])).toBe('token')
  })

  it('of before 1.0 is held to the same', async () => {
    const request = requestWith({
      method: 'POST',
      cookie: `mercureAuthorization=${oldGood}`,
      origin: 'https://evil.example',
    })
    expect(await outcomeOf(request, compat, 'publisher')).toMatch(/^invalid_request/)
  })
})

describe('publish origins', () => {
  const allowed = (pattern: string, origins: string[]) =>
    origins.filter((origin) => new PublishOrigins([pattern]).allow(origin, undefined))

  it('with https://*. mean all domains below, not the domain itself, another scheme or port', () => {
    const origins = [
      'https://a.example.com',
      'https://a.b.example.com',
      'https://example.com',
      'https://evil-example.com',
      'https://a.example.com.evil',
      'https://aexample.com',
      'https://a.exampleXcom',
      'http://a.example.com',
      'https://a.example.com:8443',
      'https://.example.com',
      'null',
    ]
    expect(allowed('https://*.example.com', origins)).toEqual(['https://a.example.com', 'https://a.b.example.com'])
    expect(allowed('https://*.example.com:8443', origins)).toEqual(['https://a.example.com:8443'])
  })

  it('compare as origins, however they are written', () => {
    expect(allowed('https://example.com', ['HTTPS://Example.com', 'https://example.com:443'])).toHaveLength(2)
    expect(allowed('http://[::1]:3000', ['http://[0:0:0:0:0:0:0:1]:3000', 'http://[::1]'])).toHaveLength(1)
  })

  it('that are none are refused by name', () => {
    const bad = [
      '',
      'example.com',
      'https://example.com/',
      'https://example.com/x',
      'https://a.*.com',
      'https://*',
      'null',
      'https://u@example.com',
    ]
    for (const origin of bad) expect(() => new PublishOrigins(['*', origin])).toThrow('publishOrigins[1]')
    expect(() => new PublishOrigins(['https://*.example.com/'])).toThrow('Did you mean https://*.example.com?')
  })
})

describe('a token in the query', () => {
  const inQuery = (name: string, ...values: string[]) =>
    requestWith({ query: new URLSearchParams(values.map((value) => [name, value])) })

  it('is never read as access_token', async () => {
    for (const options of [anonymous, compat]) {
      expect(await outcomeOf(inQuery('access_token', good), options)).toBe('anonymous')
      expect(await outcomeOf(inQuery('access_token', bad), options)).toBe('anonymous')
    }
  })

  it('is read as authorization only with compat', async () => {
    expect(await outcomeOf(inQuery('authorization', oldGood))).toBe('anonymous')
    expect(await outcomeOf(inQuery('authorization', oldGood), compat)).toBe('token')
    expect(await outcomeOf(inQuery('authorization', bad), compat)).toBe('invalid_token 0.x')
  })

  it('is never one of 1.0', async () => {
    expect(await outcomeOf(inQuery('authorization', good), compat)).toBe('invalid_token 0.x')
  })

  it('counts before a cookie and after the header', async () => {
    const query = new URLSearchParams({ authorization: oldGood })
    expect(await outcomeOf(requestWith({ query, cookie: `${ownCookie}=${bad}` }), compat)).toBe('token')
    expect(await outcomeOf(bearer(bad, { query }), compat)).toBe('invalid_token 1.0')
  })

  it('that is malformed is an invalid request', async () => {
    expect(await outcomeOf(inQuery('authorization', ''), compat)).toMatch(/^invalid_request/)
    expect(await outcomeOf(inQuery('authorization', oldGood, oldGood), compat)).toMatch(/^invalid_request/)
  })
})

describe('who has no token', () => {
  it('is anonymous where that is allowed, and may have what is public', async () => {
    const { authenticator } = await authenticatorOf(anonymous)
    const result = await authenticator.authenticate(requestWith(), 'subscriber')
    expect(result).toMatchObject({
      name: 'authorized',
      rights: { isAnonymous: true, subscribeMatchers: [], expiresAt: undefined },
    })
    expect(result.name === 'authorized' && result.rights.maySubscribe('a')).toBe(false)
  })

  it('is refused where it is not', async () => {
    expect(await outcomeOf(requestWith(), oneSecret)).toBe('missing_token 1.0')
    expect(await outcomeOf(requestWith({ method: 'POST' }), anonymous, 'publisher')).toBe('missing_token 1.0')
  })

  it('may publish everything where publishing is open', async () => {
    const { authenticator } = await authenticatorOf({ ...anonymous, anonymousPublishers: true })
    const result = await authenticator.authenticate(requestWith({ method: 'POST' }), 'publisher')
    if (result.name !== 'authorized') throw new Error(result.reason)
    expect(authenticator.refusePublish(result.rights, ['a', 'b'])).toBeUndefined()
    expect(result.rights.publishMatchers.map(({ key }) => key)).toEqual(['*'])
    expect(result.rights.maySubscribe('a')).toBe(false)
  })

  it('gets a challenge, not a refusal, for the subscriptions API', async () => {
    const { authenticator } = await authenticatorOf(anonymous)
    const result = await authenticator.authenticate(requestWith(), 'subscriber')
    if (result.name !== 'authorized') throw new Error(result.reason)
    expect(authenticator.refuseSubscribe(result.rights, '/.well-known/mercure/subscriptions')?.failure.name).toBe(
      'missing_token',
    )
  })
})

describe('a bad token', () => {
  it('is refused where who has none would be anonymous', async () => {
    const open = { ...anonymous, anonymousPublishers: true }
    for (const role of ['publisher', 'subscriber'] as const) {
      expect(await outcomeOf(bearer(bad), open, role)).toBe('invalid_token 1.0')
      expect(await outcomeOf(requestWith({ cookie: `${ownCookie}=${bad}` }), open, role)).toBe('invalid_token 1.0')
      expect(await outcomeOf(requestWith({ cookie: `${ownCookie}=` }), open, role)).toBe('invalid_token 1.0')
      expect(await outcomeOf(requestWith({ authorization: ['Bearer x'] }), open, role)).toBe('invalid_request 1.0')
    }
  })

  it('is not looked at in a role that has no keys to judge it by', async () => {
    const dev: AuthOptions = { anonymousSubscribers: true, anonymousPublishers: true }
    expect(await outcomeOf(bearer(bad), dev)).toBe('anonymous')
    expect(await outcomeOf(bearer(bad), dev, 'publisher')).toBe('anonymous')
  })
})

describe('who may use the hub', () => {
  it('is known for each role', async () => {
    const accessOf = async (options: AuthOptions) => {
      const { authenticator } = await authenticatorOf(options)
      return [authenticator.accessFor('publisher'), authenticator.accessFor('subscriber'), authenticator.usesTokens]
    }
    expect(await accessOf(oneSecret)).toEqual(['with-token', 'with-token', true])
    expect(await accessOf(anonymous)).toEqual(['with-token', 'anyone', true])
    expect(await accessOf({ anonymousSubscribers: true })).toEqual(['nobody', 'anyone', false])
    expect(await accessOf({ anonymousSubscribers: true, anonymousPublishers: true })).toEqual([
      'anyone',
      'anyone',
      false,
    ])
  })
})

describe('the dialect in which a failure is told', () => {
  it('is that of the request, when compat is on', async () => {
    const closed = { ...oneSecret, compat: true }
    expect(await outcomeOf(requestWith({ dialect: '0.x' }), closed)).toBe('missing_token 0.x')
    expect(await outcomeOf(requestWith(), closed)).toBe('missing_token 1.0')
    expect(await outcomeOf(requestWith({ dialect: '0.x' }), oneSecret)).toBe('missing_token 1.0')
    expect(await outcomeOf(requestWith({ authorization: ['x'], dialect: '0.x' }), closed)).toBe('invalid_request 0.x')
  })

  it('is that of the token, when it has one', async () => {
    const closed = { ...oneSecret, compat: true }
    expect(await outcomeOf(bearer(sign({ mercure: 1 })), closed)).toBe('invalid_token 0.x')
    expect(await outcomeOf(bearer(bad, { dialect: '0.x' }), closed)).toBe('invalid_token 1.0')
    expect(await outcomeOf(requestWith({ cookie: 'mercureAuthorization=x' }), closed)).toBe('invalid_token 0.x')
  })
})

describe('a request as Node has it', () => {
  const headersSent = [
    `Authorization: Bearer ${good}`,
    'authorization: Bearer other',
    'Cookie: a=b',
    'Origin: https://a',
    'Referer: https://b/c',
  ]

  it('over HTTP/1.1 shows each Authorization header, though Node drops all but the first', async () => {
    const server = createServer((req, res) => {
      received = req
      res.end()
    })
    let received: IncomingMessage | undefined
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    socket.end(
      `GET /.well-known/mercure?match=a%26b&authorization=t HTTP/1.1\r\nHost: h\r\n${headersSent.join('\r\n')}\r\nConnection: close\r\n\r\n`,
    )
    socket.resume()
    await once(socket, 'close')
    server.close()
    expect(received?.headers.authorization).toBe(`Bearer ${good}`)
    const request = readAuthRequest(received as IncomingMessage, '0.x')
    expect(request).toMatchObject({
      method: 'GET',
      authorization: [`Bearer ${good}`, 'Bearer other'],
      cookie: 'a=b',
      origin: 'https://a',
      referer: 'https://b/c',
      dialect: '0.x',
    })
    expect(request.query.get('match')).toBe('a&b')
    expect(request.query.get('authorization')).toBe('t')
  })

  it('over HTTP/2 shows a cookie that came in pieces', async () => {
    const server = createHttp2Server((req, res) => {
      request = readAuthRequest(req)
      res.end()
    })
    let request: AuthRequest | undefined
    await once(server.listen(0, '127.0.0.1'), 'listening')
    const client = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    const stream = client.request({
      ':path': '/?a=b',
      authorization: `Bearer ${good}`,
      cookie: ['c=d', `${ownCookie}=${good}`],
    })
    stream.resume()
    await once(stream, 'close')
    client.close()
    server.close()
    expect(request).toMatchObject({ method: 'GET', authorization: [`Bearer ${good}`], origin: undefined })
    expect(await outcomeOf({ ...(request as AuthRequest), authorization: [] })).toBe('token')
  })

  it('with two origins is from none that could be allowed', () => {
    const request = readAuthRequest({
      rawHeaders: ['Origin', 'https://a', 'Origin', 'https://b', 'Referer', 'https://a/'],
    })
    expect(request.origin).toBe('null')
  })
})
