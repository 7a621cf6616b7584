import { describe, expect, it } from 'vitest'
import { parseAuthOptions } from '../../src/auth/auth-options.ts'
import { HubError } from '../../src/base/errors.ts'
import { audience, issuer, oneSecret, otherSecret, secret } from './tokens.ts'

function problemOf(options: unknown): string {
  try {
    parseAuthOptions(options)
  } catch (error) {
    if (!(error instanceof HubError)) throw error
    expect(error.code).toBe('INVALID_OPTION')
    expect(error.message).not.toContain(secret)
    return error.message
  }
  return 'none'
}

const role = { key: secret, algorithms: 'HS256' }

describe('the configuration of tokens', () => {
  it('takes what the flags of serve give', () => {
    const config = parseAuthOptions({
      publisher: { key: secret, algorithms: ['HS256'] },
      subscriber: { key: otherSecret, algorithms: ['HS256'] },
      issuer,
      audience,
      publishOrigins: ['https://shop.example'],
      anonymousSubscribers: true,
      compat: true,
    })
    expect(config).toMatchObject({
      issuers: [{ issuer, keys: { publisher: { name: 'publisher', keys: [secret], algorithms: ['HS256'] } } }],
      resources: [audience],
      anonymousSubscribers: true,
      anonymousPublishers: false,
      isCompat: true,
    })
  })

  it('has defaults', () => {
    expect(parseAuthOptions(oneSecret)).toMatchObject({
      anonymousSubscribers: false,
      anonymousPublishers: false,
      cookieName: '__Secure-mercure_access_token',
      authorizationServers: [],
      clockToleranceMs: 5000,
      isCompat: false,
      warnings: [],
    })
  })

  it('warns of what weakens it', () => {
    const { warnings } = parseAuthOptions({
      ...oneSecret,
      anonymousSubscribers: true,
      anonymousPublishers: true,
      compat: true,
      publishOrigins: ['*'],
    })
    expect(warnings.map((warning) => warning.split(':')[0])).toEqual([
      'compat',
      'anonymousPublishers',
      'publishOrigins',
    ])
  })

  it('takes several issuers, each with its keys', () => {
    const issuers = [
      { issuer: 'https://a.example', publisher: role },
      { issuer: 'https://b.example', subscriber: { key: [secret, otherSecret], algorithms: ['HS256', 'HS512'] } },
    ]
    expect(parseAuthOptions({ issuers, audience: [audience, 'https://b.example/hub'] }).issuers).toEqual([
      {
        issuer: 'https://a.example',
        keys: { publisher: { name: 'issuers[0].publisher', keys: [secret], algorithms: ['HS256'] } },
      },
      {
        issuer: 'https://b.example',
        keys: {
          subscriber: { name: 'issuers[1].subscriber', keys: [secret, otherSecret], algorithms: ['HS256', 'HS512'] },
        },
      },
    ])
  })

  const problems: [string, unknown, string][] = [
    ['nothing', undefined, 'The configuration of tokens must be an object'],
    ['a list', [], 'The configuration of tokens must be an object'],
    ['nobody who may subscribe', {}, 'subscriber.key is missing'],
    ['no subscriber key', { ...oneSecret, subscriber: undefined }, 'subscriber.key is missing'],
    ['an unknown option', { ...oneSecret, audiences: audience }, 'audiences is not an option'],
    [
      'an unknown option of a role',
      { ...oneSecret, publisher: { ...role, alg: 'HS256' } },
      'publisher.alg is not an option',
    ],
    [
      'an unknown option of an issuer',
      { issuers: [{ issuer, publisher: role, cookie: 'c' }] },
      'issuers[0].cookie is not an option',
    ],
    ['no issuer', { ...oneSecret, issuer: undefined }, 'issuer is missing'],
    ['an empty issuer', { ...oneSecret, issuer: ' ' }, 'issuer is empty'],
    ['an issuer without keys', { issuer, audience, anonymousSubscribers: true }, 'issuer has no keys'],
    ['no audience', { ...oneSecret, audience: undefined }, 'audience is missing'],
    ['an audience that is no URL', { ...oneSecret, audience: 'my hub' }, 'audience is "my hub"'],
    ['an audience that is no URL of HTTP', { ...oneSecret, audience: ['urn:x'] }, 'audience is "urn:x"'],
    ['an audience with a fragment', { ...oneSecret, audience: `${audience}#x` }, 'audience is'],
    ['no key', { ...oneSecret, publisher: {} }, 'publisher.key is missing'],
    ['an empty key', { ...oneSecret, publisher: { key: '' } }, 'publisher.key is empty'],
    ['an empty list of keys', { ...oneSecret, publisher: { key: [] } }, 'publisher.key is missing'],
    ['a key that is no text', { ...oneSecret, publisher: { key: 12345 } }, 'publisher.key is of type number'],
    ['a role that is a text', { ...oneSecret, subscriber: secret }, 'subscriber must be an object'],
    [
      'an unknown algorithm',
      { ...oneSecret, publisher: { ...role, algorithms: 'HS1' } },
      'publisher.algorithms has "HS1"',
    ],
    ['the algorithm none', { ...oneSecret, publisher: { ...role, algorithms: ['HS256', 'none'] } }, 'has "none"'],
    ['no algorithm', { ...oneSecret, publisher: { ...role, algorithms: [] } }, 'publisher.algorithms is empty'],
    ['both ways for issuers', { ...oneSecret, issuers: [] }, 'issuers cannot be combined with issuer'],
    ['issuers that are no list', { issuers: {}, audience }, 'issuers is not a list'],
    ['an issuer in the list without keys', { issuers: [{ issuer }], audience }, 'issuers[0].issuer has no keys'],
    ['an issuer in the list with nothing', { issuers: [{}], audience }, 'issuers[0] has no key'],
    [
      'an issuer in the list without a name',
      { issuers: [{ issuer, subscriber: role }, { subscriber: role }], audience },
      'issuers[1].issuer is missing',
    ],
    [
      'the same issuer twice',
      {
        issuers: [
          { issuer, subscriber: role },
          { issuer, publisher: role },
        ],
        audience,
      },
      'issuers[1].issuer is "https://shop.example" again',
    ],
    ['publish origins that are none', { ...oneSecret, publishOrigins: ['shop.example'] }, 'publishOrigins[0]'],
    ['a cookie that can have no such name', { ...oneSecret, cookie: 'a;b' }, 'cookie is "a;b"'],
    [
      'an authorization server that is no URL',
      { ...oneSecret, authorizationServers: ['x'] },
      'authorizationServers has "x"',
    ],
    ['a clock tolerance that is none', { ...oneSecret, clockToleranceSeconds: -1 }, 'clockToleranceSeconds is -1'],
    ['a clock tolerance that is too much', { ...oneSecret, clockToleranceSeconds: 301 }, 'from 0 to 300'],
    ['a switch that is a text', { ...oneSecret, compat: 'yes' }, 'compat must be true or false'],
  ]
  it.each(problems)('is refused by name with %s', (_what, options, problem) => {
    expect(problemOf(options)).toContain(problem)
  })

  it('needs no issuer and audience for tokens of before 1.0 alone', () => {
    expect(problemOf({ publisher: role, subscriber: role, compat: true })).toBe('none')
    expect(problemOf({ publisher: role, subscriber: role, compat: true, issuer })).toContain('audience is missing')
  })

  it('needs no keys where everybody may do everything', () => {
    expect(problemOf({ anonymousSubscribers: true, anonymousPublishers: true })).toBe('none')
  })
})
