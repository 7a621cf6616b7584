import { describe, expect, it } from 'vitest'
import { parseAuthOptions } from '../../src/auth/auth-options.ts'
import { challengeFor } from '../../src/auth/challenge.ts'
import { type Failure, type FailureName, quoted } from '../../src/auth/refusal.ts'
import { metadataUrl, resourceFor, resourceMetadata } from '../../src/auth/resource-metadata.ts'
import { TokenRefusal } from '../../src/http/access/token-refusal.ts'
import { toProblem } from '../../src/http/message/problem.ts'
import { audience, oneSecret } from './tokens.ts'

const url = 'https://hub.shop.example/.well-known/oauth-protected-resource/.well-known/mercure'

const statusOf = (failure: Failure) => toProblem(new TokenRefusal(failure, undefined)).status

describe('a failure in 1.0', () => {
  const answers: [FailureName, number, string | undefined][] = [
    ['missing_token', 401, `Bearer resource_metadata="${url}"`],
    ['invalid_token', 401, `Bearer error="invalid_token", resource_metadata="${url}"`],
    ['insufficient_scope', 403, `Bearer error="insufficient_scope", resource_metadata="${url}"`],
    ['invalid_request', 400, `Bearer error="invalid_request", resource_metadata="${url}"`],
    ['keys_unavailable', 503, undefined],
  ]
  it.each(answers)('%s is told as %i', (name, status, challenge) => {
    expect(challengeFor({ name, dialect: '1.0' }, url)).toBe(challenge)
    expect(statusOf({ name, dialect: '1.0' })).toBe(status)
  })

  it('is told without metadata where there is none', () => {
    expect(challengeFor({ name: 'missing_token', dialect: '1.0' }, undefined)).toBe('Bearer')
    expect(challengeFor({ name: 'invalid_token', dialect: '1.0' }, undefined)).toBe('Bearer error="invalid_token"')
  })
})

describe('a failure before 1.0', () => {
  it.each(['missing_token', 'invalid_token', 'insufficient_scope', 'invalid_request'] as const)(
    '%s is told as 401',
    (name) => {
      expect(challengeFor({ name, dialect: '0.x' }, url)).toBe('Bearer')
      expect(statusOf({ name, dialect: '0.x' })).toBe(401)
    },
  )

  it('is told as 503 when the keys could not be fetched', () => {
    expect(statusOf({ name: 'keys_unavailable', dialect: '0.x' })).toBe(503)
  })
})

describe('a reason', () => {
  it('cannot forge a line of the log or fill it', () => {
    expect(quoted('a\nb\u2028c\u202ed"')).toBe('"a\\nb\\u2028c\\u202ed\\""')
    expect(quoted('x'.repeat(10_000)).length).toBeLessThan(130)
    expect(quoted(undefined)).toBe('nothing')
  })
})

describe('the metadata', () => {
  it('says how a token is presented', () => {
    expect(resourceMetadata(parseAuthOptions(oneSecret), audience)).toEqual({
      resource: audience,
      bearer_methods_supported: ['header'],
      authorization_details_types_supported: ['https://mercure.rocks/authorization-detail'],
      mercure_cookie: '__Secure-mercure_access_token',
    })
  })

  it('says where to get one, the name of the cookie, and that there are subscriptions', () => {
    const config = parseAuthOptions({ ...oneSecret, cookie: 'c', authorizationServers: ['https://login.shop.example'] })
    expect(resourceMetadata(config, audience, { hasSubscriptions: true })).toMatchObject({
      authorization_servers: ['https://login.shop.example'],
      mercure_cookie: 'c',
      mercure_subscriptions: true,
    })
  })

  it('is found from the URL of the hub', () => {
    expect(metadataUrl(audience)).toBe(url)
    expect(metadataUrl('http://localhost:3000/hub?x=1')).toBe(
      'http://localhost:3000/.well-known/oauth-protected-resource/hub?x=1',
    )
    expect(metadataUrl('https://hub.example/')).toBe('https://hub.example/.well-known/oauth-protected-resource')
  })

  it('is that of the URL the request came to', () => {
    const config = parseAuthOptions({ ...oneSecret, audience: ['https://a.example/hub', 'https://b.example:8443/hub'] })
    expect(resourceFor(config, 'B.example:8443')).toBe('https://b.example:8443/hub')
    expect(resourceFor(config, 'unknown.example')).toBe('https://a.example/hub')
    expect(resourceFor(config, undefined)).toBe('https://a.example/hub')
    expect(resourceFor(parseAuthOptions({ anonymousSubscribers: true }), 'a.example')).toBeUndefined()
  })
})
