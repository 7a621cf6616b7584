import { createHmac } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import {
  audience,
  authenticatorOf,
  bearer,
  claims,
  detail,
  detailType,
  issuer,
  keyPair,
  now,
  nowSeconds,
  oneSecret,
  otherSecret,
  rightsOf,
  secret,
  sign,
} from './tokens.ts'

const { authenticator } = await authenticatorOf(oneSecret)

/** What becomes of a token: `good`, or why it is refused. A refused one must be told as `invalid_token` and nothing else. */
async function judge(token: string, options = oneSecret): Promise<string> {
  const hub = options === oneSecret ? authenticator : (await authenticatorOf(options)).authenticator
  const result = await hub.authenticate(bearer(token), 'subscriber')
  if (result.name === 'authorized') return 'good'
  expect(result.failure).toEqual({ name: 'invalid_token', dialect: '1.0' })
  expect(result.reason).not.toContain(token)
  for (const part of token.split('.').filter((part) => part.length > 20)) expect(result.reason).not.toContain(part)
  return result.reason
}

describe('the conformance token', () => {
  it('is accepted as publisher and subscriber with the development secret, its issuer and audience pinned', async () => {
    const key = '!ChangeThisMercureHubJWTSecretKey!'
    const { authenticator, warnings } = await authenticatorOf(
      {
        issuer: 'https://localhost',
        audience: 'https://localhost/.well-known/mercure',
        publisher: { key, algorithms: ['HS256'] },
        subscriber: { key, algorithms: ['HS256'] },
        anonymousSubscribers: true,
      },
      { now: Date.now },
    )
    const token = sign(
      {
        iss: 'https://localhost',
        aud: 'https://localhost/.well-known/mercure',
        exp: 4102444800,
        authorization_details: [detail(['publish', 'subscribe'], [{ match: '*' }])],
      },
      { key },
    )
    const publisher = rightsOf(await authenticator.authenticate(bearer(token, { method: 'POST' }), 'publisher'))
    expect(publisher.mayPublish('https://example.com/foo')).toBe(true)
    const subscriber = rightsOf(await authenticator.authenticate(bearer(token), 'subscriber'))
    expect(subscriber.maySubscribe('https://example.com/foo')).toBe(true)
    expect(subscriber.expiresAt).toBe(4102444800_000)
    expect(warnings).toEqual([
      expect.stringContaining('publisher.key is a secret that everyone knows'),
      expect.stringContaining('subscriber.key is a secret that everyone knows'),
    ])
    expect(warnings.join()).not.toContain(key)
  })
})

describe('a token and its signature', () => {
  it('is good when signed with the secret', async () => {
    expect(await judge(sign(claims()))).toBe('good')
  })

  it('is refused when signed with another secret', async () => {
    expect(await judge(sign(claims(), { key: otherSecret }))).toContain('its signature does not fit the key')
  })

  it('is refused when a claim was changed after it was signed', async () => {
    const [header, , signature] = sign(claims()).split('.')
    const changed = Buffer.from(JSON.stringify(claims({ exp: nowSeconds + 9999 }))).toString('base64url')
    expect(await judge(`${header}.${changed}.${signature}`)).toContain('its signature does not fit')
  })

  it('is refused when it is not signed, however none is spelt', async () => {
    for (const alg of ['none', 'None', 'NONE', 'nOnE']) {
      expect(await judge(sign(claims(), { alg }))).toContain(`its alg is "${alg}"`)
    }
    expect(await judge(sign(claims()).replace(/[^.]*$/, ''))).toContain('is refused')
  })

  it('is refused when signed by an algorithm that was not chosen, with the right secret too', async () => {
    expect(await judge(sign(claims(), { alg: 'HS512' }))).toContain('the keys of its issuer are for HS256')
  })

  it('is refused when alg is missing, no string or no algorithm', async () => {
    for (const alg of [undefined, null, 256, ['HS256'], 'HS257', 'hs256', 'toString', '__proto__']) {
      const header = Buffer.from(JSON.stringify({ alg, typ: 'at+jwt' })).toString('base64url')
      const signed = `${header}.${Buffer.from(JSON.stringify(claims())).toString('base64url')}`
      const mac = createHmac('sha256', secret).update(signed).digest('base64url')
      expect(await judge(`${signed}.${mac}`)).toContain('is refused')
    }
  })

  it('is refused when crit or b64 ask for what nobody here knows', async () => {
    expect(await judge(sign(claims(), { crit: ['exp'], exp: nowSeconds }))).toContain('crit')
    expect(await judge(sign(claims(), { crit: ['b64'], b64: false }))).toContain('crit')
    expect(await judge(sign(claims(), { b64: true }))).toContain('b64')
  })

  it('is refused when it is not a JWT', async () => {
    const padding = 'a'.repeat(60)
    for (const text of [padding, `${padding}.${padding}`, `${padding}.${padding}.${padding}`, `..${padding}`]) {
      expect(await judge(text)).toContain('it is not a JWT')
    }
    for (const payload of ['', 'null', '[]', '"text"', '{']) {
      expect(await judge(sign(payload))).toContain('it is not a JWT')
    }
    // Five parts: encrypted, which no hub takes.
    expect(await judge(Array(5).fill(padding).join('.'))).toContain('it is not a JWT')
  })
})

describe('algorithm confusion', () => {
  const pair = keyPair('rsa')
  const withPem = { ...oneSecret, publisher: { key: pair.pem }, subscriber: { key: pair.pem } }

  it('a token signed by HMAC with the public key as the secret is refused', async () => {
    for (const alg of ['HS256', 'HS384', 'HS512']) {
      for (const key of [pair.pem, pair.pem.trim(), pair.publicKey.export({ type: 'spki', format: 'der' })]) {
        expect(await judge(sign(claims(), { alg, key }), withPem)).toContain(`its alg is "${alg}"`)
      }
    }
  })

  it('a token signed by HMAC with a public key of the set as the secret is refused', async () => {
    const jwk = pair.jwk({ kid: 'k' })
    const withSet = { ...oneSecret, subscriber: { key: JSON.stringify({ keys: [jwk] }) } }
    for (const key of [JSON.stringify(jwk), String(jwk.n), Buffer.from(String(jwk.n), 'base64url')]) {
      expect(await judge(sign(claims(), { alg: 'HS256', kid: 'k', key }), withSet)).toContain('its alg is "HS256"')
    }
  })

  it('an RSA key chosen for RS256 only does not verify PS256', async () => {
    const onlyRs = { ...withPem, subscriber: { key: pair.pem, algorithms: 'RS256' as const } }
    expect(await judge(sign(claims(), { alg: 'RS256', key: pair.privateKey }), onlyRs)).toBe('good')
    expect(await judge(sign(claims(), { alg: 'PS256', key: pair.privateKey }), onlyRs)).toContain('its alg is "PS256"')
  })

  it('keys that the token brings along or points to are not looked at', async () => {
    const own = keyPair('rsa')
    const bringing = {
      jwk: own.jwk({ alg: 'RS256' }),
      jku: 'https://attacker.example/jwks.json',
      x5u: 'https://attacker.example/cert.pem',
      x5c: ['MIIB'],
    }
    expect(await judge(sign(claims(), { alg: 'RS256', key: own.privateKey, ...bringing }), withPem)).toContain(
      'its signature does not fit',
    )
    // They do not harm a good one either.
    expect(await judge(sign(claims(), { alg: 'RS256', key: pair.privateKey, ...bringing }), withPem)).toBe('good')
  })
})

describe('typ', () => {
  it('may be at+jwt or application/at+jwt, in any case', async () => {
    for (const typ of ['at+jwt', 'AT+JWT', 'application/at+jwt', 'Application/At+Jwt']) {
      expect(await judge(sign(claims(), { typ }))).toBe('good')
    }
  })

  it('is refused when it is anything else: an ID token is no access token', async () => {
    for (const typ of ['JWT', 'jwt', 'at+jwt ', 'x-at+jwt', 'text/at+jwt', 'logout+jwt', '', 1, null, undefined]) {
      expect(await judge(sign(claims(), { typ }))).toContain('its typ is')
    }
  })
})

describe('iss', () => {
  it('must be the issuer to the letter', async () => {
    for (const iss of [
      `${issuer}/`,
      issuer.toUpperCase(),
      'https://shop.example.evil',
      '',
      null,
      [issuer],
      undefined,
    ]) {
      expect(await judge(sign(claims({ iss })))).toContain(`the trusted issuers are ["${issuer}"]`)
    }
  })

  it('chooses the keys: one issuer cannot vouch for another', async () => {
    const two = {
      audience,
      issuers: [
        { issuer: 'https://a.example', subscriber: { key: secret, algorithms: 'HS256' as const } },
        { issuer: 'https://b.example', subscriber: { key: otherSecret, algorithms: 'HS256' as const } },
      ],
    }
    expect(await judge(sign(claims({ iss: 'https://a.example' }), { key: secret }), two)).toBe('good')
    expect(await judge(sign(claims({ iss: 'https://b.example' }), { key: otherSecret }), two)).toBe('good')
    expect(await judge(sign(claims({ iss: 'https://a.example' }), { key: otherSecret }), two)).toContain('signature')
    expect(await judge(sign(claims({ iss: 'https://b.example' }), { key: secret }), two)).toContain('signature')
  })

  it('has keys for a role, and those of the other role do not do', async () => {
    const roles = {
      ...oneSecret,
      publisher: { key: secret, algorithms: 'HS256' as const },
      subscriber: { key: otherSecret, algorithms: 'HS256' as const },
    }
    const { authenticator } = await authenticatorOf(roles)
    const publishers = bearer(sign(claims(), { key: secret }))
    const subscribers = bearer(sign(claims(), { key: otherSecret }))
    expect((await authenticator.authenticate(publishers, 'publisher')).name).toBe('authorized')
    expect((await authenticator.authenticate(publishers, 'subscriber')).name).toBe('refused')
    expect((await authenticator.authenticate(subscribers, 'subscriber')).name).toBe('authorized')
    expect((await authenticator.authenticate(subscribers, 'publisher')).name).toBe('refused')
  })

  it('that has no key for a role vouches for nobody in it', async () => {
    const { authenticator } = await authenticatorOf({
      audience,
      issuers: [
        { issuer: 'https://a.example', publisher: { key: secret, algorithms: 'HS256' } },
        { issuer: 'https://b.example', subscriber: { key: secret, algorithms: 'HS256' } },
      ],
    })
    const result = await authenticator.authenticate(bearer(sign(claims({ iss: 'https://a.example' }))), 'subscriber')
    expect(result).toMatchObject({ name: 'refused', reason: expect.stringContaining('has no key for subscribers') })
  })
})

describe('aud', () => {
  it('may be the hub, or a list with the hub in it', async () => {
    expect(await judge(sign(claims({ aud: audience })))).toBe('good')
    expect(await judge(sign(claims({ aud: ['https://other.example', audience] })))).toBe('good')
  })

  it('may be any of the URLs of a hub with several', async () => {
    const several = { ...oneSecret, audience: [audience, 'https://hub2.example/.well-known/mercure'] }
    expect(await judge(sign(claims({ aud: 'https://hub2.example/.well-known/mercure' })), several)).toBe('good')
    expect(await judge(sign(claims({ aud: 'https://hub3.example/.well-known/mercure' })), several)).toContain('its aud')
  })

  it('is refused when the hub is not in it', async () => {
    const bad = ['https://other.example', `${audience}/`, [], ['x'], [[audience]], { 0: audience }, null, undefined]
    for (const aud of bad) expect(await judge(sign(claims({ aud })))).toContain('its aud is')
  })
})

describe('exp and nbf', () => {
  it('exp must be there', async () => {
    expect(await judge(sign(claims({ exp: undefined })))).toContain('it has no exp')
  })

  it('exp must be in the future, to the second', async () => {
    expect(await judge(sign(claims({ exp: nowSeconds + 1 })))).toBe('good')
    expect(await judge(sign(claims({ exp: nowSeconds + 0.5 })))).toBe('good')
    expect(await judge(sign(claims({ exp: nowSeconds })))).toContain('it expired 0 s ago')
    expect(await judge(sign(claims({ exp: nowSeconds - 60 })))).toContain('it expired 60 s ago')
  })

  it('exp must be a number', async () => {
    for (const exp of [String(nowSeconds + 60), null, true, {}, [nowSeconds + 60]]) {
      expect(await judge(sign(claims({ exp })))).toContain('its exp is not a time')
    }
    expect(await judge(sign(JSON.stringify(claims()).replace(/"exp":\d+/, '"exp":1e999')))).toContain(
      'its exp is not a time',
    )
  })

  it('exp is checked on each request: the same token is good, and then expired', async () => {
    let time = now
    const { authenticator } = await authenticatorOf(oneSecret, { now: () => time })
    const request = bearer(sign(claims({ exp: nowSeconds + 10 })))
    expect(rightsOf(await authenticator.authenticate(request, 'subscriber')).expiresAt).toBe(now + 10_000)
    time += 10_000
    expect((await authenticator.authenticate(request, 'subscriber')).name).toBe('refused')
  })

  it('nbf, when it is there, may be 5 seconds ahead by default', async () => {
    expect(await judge(sign(claims({ nbf: nowSeconds - 1 })))).toBe('good')
    expect(await judge(sign(claims({ nbf: nowSeconds + 5 })))).toBe('good')
    expect(await judge(sign(claims({ nbf: nowSeconds + 6 })))).toContain('it is not valid before 6 s from now')
    expect(await judge(sign(claims({ nbf: nowSeconds + 6 })), { ...oneSecret, clockToleranceSeconds: 6 })).toBe('good')
    expect(await judge(sign(claims({ nbf: nowSeconds + 1 })), { ...oneSecret, clockToleranceSeconds: 0 })).toContain(
      'nbf',
    )
    expect(await judge(sign(claims({ nbf: 'yesterday' })))).toContain('its nbf is not a time')
  })

  it('sub, client_id, iat and jti are the issuer’s business', async () => {
    expect(await judge(sign(claims({ sub: 1, client_id: null, iat: 'x', jti: [] })))).toBe('good')
  })
})

describe('authorization_details', () => {
  const withDetails = (...details: unknown[]) => sign(claims({ authorization_details: details }))
  const rights = async (token: string, role: 'publisher' | 'subscriber' = 'subscriber') =>
    rightsOf(await authenticator.authenticate(bearer(token), role))

  it('grant nothing when there are none, or none for Mercure', async () => {
    for (const details of [undefined, []]) {
      const none = await rights(sign(claims({ authorization_details: details })))
      expect(none.maySubscribe('a')).toBe(false)
      expect(none.isAnonymous).toBe(false)
    }
  })

  it('entries of other types are ignored, whatever they are', async () => {
    const others = [
      null,
      'text',
      1,
      [],
      {},
      { type: 'payment' },
      { type: `${detailType}/`, actions: 1 },
      { type: [detailType] },
    ]
    const some = await rights(withDetails(...others, detail(['subscribe'], [{ match: 'a' }])))
    expect(some.maySubscribe('a')).toBe(true)
    expect(some.maySubscribe('b')).toBe(false)
  })

  it('that are no array make the token bad', async () => {
    for (const details of [null, {}, 'text', detail(['subscribe'], [{ match: '*' }])]) {
      expect(await judge(sign(claims({ authorization_details: details })))).toContain(
        'authorization_details are not an array',
      )
    }
  })

  it('an exact match grants that topic, byte for byte, and is the default', async () => {
    const some = await rights(
      withDetails(detail(['subscribe'], [{ match: 'https://a/b' }, { match: 'C', match_type: 'exact' }])),
    )
    const topics = ['https://a/b', 'https://A/b', 'https://a/b/', 'https://a/%62', 'C', 'c']
    expect(topics.filter((topic) => some.maySubscribe(topic))).toEqual(['https://a/b', 'C'])
  })

  it('a URL pattern grants what it matches', async () => {
    const some = await rights(
      withDetails(detail(['subscribe'], [{ match: 'https://a/:id', match_type: 'urlpattern' }])),
    )
    expect(some.maySubscribe('https://a/1')).toBe(true)
    expect(some.maySubscribe('https://a/1/2')).toBe(false)
  })

  it('a * grants every topic, whatever its type', async () => {
    for (const topic of [
      { match: '*' },
      { match: '*', match_type: 'exact' },
      { match: '*', match_type: 'urlpattern' },
    ]) {
      expect((await rights(withDetails(detail(['subscribe'], [topic])))).maySubscribe('no: URL at all')).toBe(true)
    }
  })

  it('only grant the actions they name, and ignore those nobody knows', async () => {
    const token = withDetails(
      detail(['publish'], [{ match: 'p' }]),
      detail(['subscribe', 'dance'], [{ match: 's' }]),
      detail(['dance'], [{ match: '*' }]),
      detail(['Publish', 'SUBSCRIBE'], [{ match: '*' }]),
    )
    const publisher = await rights(token, 'publisher')
    const subscriber = await rights(token, 'subscriber')
    expect(['p', 's', 'x'].filter((topic) => publisher.mayPublish(topic))).toEqual(['p'])
    expect(['p', 's', 'x'].filter((topic) => subscriber.maySubscribe(topic))).toEqual(['s'])
  })

  it('never grant more than the role that the token was presented for', async () => {
    const token = sign(claims())
    expect((await rights(token, 'subscriber')).mayPublish('a')).toBe(false)
    expect((await rights(token, 'publisher')).maySubscribe('a')).toBe(false)
  })

  it('one bad entry makes the whole token bad', async () => {
    const good = detail(['subscribe'], [{ match: '*' }])
    const topics = [{ match: 'a' }]
    const bad: [unknown, string][] = [
      [{ type: detailType }, 'its actions'],
      [detail([], topics), 'its actions'],
      [detail('subscribe', topics), 'its actions'],
      [detail(['subscribe', 1], topics), 'not all strings'],
      [detail(['subscribe'], undefined), 'its topics'],
      [detail(['subscribe'], []), 'its topics'],
      [detail(['subscribe'], '*'), 'its topics'],
      [detail(['subscribe'], { match: 'a' }), 'its topics'],
      [detail(['subscribe'], ['a']), 'topics[0]: it is not an object'],
      [detail(['subscribe'], [{ match: 'a' }, null]), 'topics[1]: it is not an object'],
      [detail(['subscribe'], [['a']]), 'topics[0]: it is not an object'],
      [detail(['subscribe'], [{}]), 'its match is not a string'],
      [detail(['subscribe'], [{ match: 1 }]), 'its match is not a string'],
      [detail(['subscribe'], [{ match: '' }]), 'its match is empty'],
      [detail(['subscribe'], [{ match: 'a', match_type: 'EXACT' }]), 'its match_type'],
      [detail(['subscribe'], [{ match: 'a', match_type: 'regexp' }]), 'its match_type'],
      [detail(['subscribe'], [{ match: 'a', match_type: 'template' }]), 'its match_type'],
      [detail(['subscribe'], [{ match: 'a', match_type: null }]), 'its match_type'],
      [detail(['subscribe'], [{ match: '*', match_type: 'cel' }]), 'its match_type'],
      [detail(['subscribe'], [{ match: 'a(', match_type: 'urlpattern' }]), 'its match is not a valid urlpattern'],
    ]
    for (const [entry, why] of bad) {
      expect(await judge(withDetails(good, entry))).toContain(`authorization_details[1]: `)
      expect(await judge(withDetails(entry, good))).toContain(why)
      // Also when it is for the other role.
    }
    expect(await judge(withDetails(good, detail(['publish'], [{ match: '' }])))).toContain('its match is empty')
  })

  it('a match with a control, format or half a surrogate character makes the token bad', async () => {
    for (const c of [
      '\u0000',
      '\n',
      '\r',
      '\u001f',
      '\u007f',
      '\u0085',
      '\u200b',
      '\u202e',
      '\u00ad',
      '\u{feff}',
      '\ud800',
    ]) {
      expect(await judge(withDetails(detail(['subscribe'], [{ match: `a${c}b` }])))).toContain('control or format')
    }
  })

  it('a match of 4096 bytes is taken and a longer one is not, also counted in UTF-8', async () => {
    expect(await judge(withDetails(detail(['subscribe'], [{ match: 'a'.repeat(4096) }])))).toBe('good')
    expect(await judge(withDetails(detail(['subscribe'], [{ match: 'a'.repeat(4097) }])))).toContain('longer than 4096')
    expect(await judge(withDetails(detail(['subscribe'], [{ match: 'é'.repeat(2049) }])))).toContain('longer than 4096')
  })

  it('100 Mercure entries are taken and 101 are not; others do not count', async () => {
    const entries = (count: number) => Array(count).fill(detail(['subscribe'], [{ match: 'a' }]))
    expect(await judge(withDetails(...entries(100), ...Array(50).fill({ type: 'other' })))).toBe('good')
    expect(await judge(withDetails(...entries(101)))).toContain('more than 100 Mercure entries')
  })

  it('100 topics in all entries together are taken and 101 are not', async () => {
    const entry = (count: number) => detail(['subscribe'], Array(count).fill({ match: 'a' }))
    expect(await judge(withDetails(entry(60), entry(40)))).toBe('good')
    expect(await judge(withDetails(entry(60), entry(41)))).toContain('more than 100 Mercure topics')
    expect(await judge(withDetails(entry(101)))).toContain('more than 100 Mercure topics')
  })

  it('that are bad are told without what is in them', async () => {
    const reason = await judge(
      withDetails(detail(['subscribe'], [{ match: 'https://a/users/ada(', match_type: 'urlpattern' }])),
    )
    expect(reason).not.toContain('ada')
  })
})

describe('the payload', () => {
  const payloadFor = async (match: string, ...details: unknown[]) => {
    const token = sign(claims({ authorization_details: details }))
    return rightsOf(await authenticator.authenticate(bearer(token), 'subscriber')).payloadFor(match)
  }
  const a = detail(['subscribe'], [{ match: 'a' }], { payload: { name: 'Ada' } })
  const users = detail(['subscribe'], [{ match: '/users/*', match_type: 'urlpattern' }], { payload: ['user'] })
  const publish = detail(['publish'], [{ match: '*' }], { payload: 'publisher' })
  const all = detail(['subscribe'], [{ match: '*' }], { payload: null })

  it('is that of the first entry to subscribe that matches the subscription’s matcher, taken as a topic', async () => {
    expect(await payloadFor('a', publish, users, a, all)).toEqual({ name: 'Ada' })
    expect(await payloadFor('/users/*', publish, a, users)).toEqual(['user'])
    expect(await payloadFor('b', a, users, all)).toBeNull()
  })

  it('is left out when no entry matches, or the one that does has none', async () => {
    expect(await payloadFor('b', publish, a)).toBeUndefined()
    expect(await payloadFor('a', detail(['subscribe'], [{ match: 'a' }]), all)).toBeUndefined()
  })
})

describe('rights', () => {
  const rights = async (...topics: unknown[]) => {
    const token = sign(claims({ authorization_details: [detail(['subscribe'], topics)] }))
    return rightsOf(await authenticator.authenticate(bearer(token), 'subscriber'))
  }

  it('have the same key when they are the same, whoever has them and however they are written', async () => {
    const ab = await rights({ match: 'a' }, { match: 'b', match_type: 'exact' })
    expect((await rights({ match: 'b' }, { match: 'a' }, { match: 'b' })).key).toBe(ab.key)
    expect((await rights({ match: '*' }, { match: 'a' })).key).toBe(
      (await rights({ match: '*', match_type: 'urlpattern' })).key,
    )
  })

  it('have different keys when they differ', async () => {
    const keys = [
      await rights({ match: 'a' }),
      await rights({ match: 'a', match_type: 'urlpattern' }),
      await rights({ match: 'a' }, { match: 'b' }),
      await rights({ match: 'a","exact:b' }),
      await rights({ match: '*' }),
    ].map(({ key }) => key)
    expect(new Set(keys).size).toBe(keys.length)
  })

  it('list the matchers in the form that the hub selects by', async () => {
    const { subscribeMatchers } = await rights({ match: 'a' }, { match: 'https://b/*', match_type: 'urlpattern' })
    expect(subscribeMatchers.map(({ type, source }) => ({ type, source }))).toEqual([
      { type: 'exact', source: 'a' },
      { type: 'urlpattern', source: 'https://b/*' },
    ])
    expect((await rights({ match: '*' }, { match: 'a' })).subscribeMatchers.map(({ key }) => key)).toEqual(['*'])
    expect((await rights({ match: '*' })).publishMatchers).toEqual([])
  })

  it('to publish must cover every topic of an event', async () => {
    const token = sign(claims({ authorization_details: [detail(['publish'], [{ match: 'a' }, { match: 'b' }])] }))
    const rights = rightsOf(await authenticator.authenticate(bearer(token), 'publisher'))
    expect(authenticator.refusePublish(rights, ['a'])).toBeUndefined()
    expect(authenticator.refusePublish(rights, ['b', 'a'])).toBeUndefined()
    const refused = authenticator.refusePublish(rights, ['a', 'private', 'b'])
    expect(refused?.failure).toEqual({ name: 'insufficient_scope', dialect: '1.0' })
    expect(refused?.reason).toContain('topic 2 of the 3')
    expect(refused?.reason).not.toContain('private')
  })

  it('to a path of the subscriptions API are those to a topic of that name', async () => {
    const path = '/.well-known/mercure/subscriptions'
    expect(authenticator.refuseSubscribe(await rights({ match: path }), path)).toBeUndefined()
    expect(authenticator.refuseSubscribe(await rights({ match: 'a' }), path)?.failure.name).toBe('insufficient_scope')
  })
})
