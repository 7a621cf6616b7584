import { describe, expect, it } from 'vitest'
import { streamLifetimeMs } from '../../../src/http/server/stream-lifetime.ts'
import { now } from '../../auth/tokens.ts'

const hour = 3_600_000
const lifetime = (init: Partial<Parameters<typeof streamLifetimeMs>[0]>) =>
  streamLifetimeMs({ expiresAt: undefined, now, endMs: 0, random: () => 1, ...init })

describe('how long a stream lasts', () => {
  it('is at least 80 and at most 100 % of what its token has left', () => {
    const expiresAt = now + hour
    expect(lifetime({ expiresAt, random: () => 0 })).toBe(0.8 * hour)
    expect(lifetime({ expiresAt, random: () => 0.5 })).toBe(0.9 * hour)
    expect(lifetime({ expiresAt, random: () => 1 })).toBe(hour)
  })

  it('is at least 80 and at most 100 % of the longest time allowed, when that is less', () => {
    expect(lifetime({ maxMs: hour, random: () => 0 })).toBe(0.8 * hour)
    expect(lifetime({ maxMs: hour, expiresAt: now + 2 * hour, random: () => 0 })).toBe(0.8 * hour)
    expect(lifetime({ maxMs: 2 * hour, expiresAt: now + hour })).toBe(hour)
  })

  it('leaves time to end before the token does', () => {
    expect(streamLifetimeMs({ expiresAt: now + hour, now, random: () => 1 })).toBe(hour - 5000)
    expect(lifetime({ expiresAt: now + hour, endMs: 10_000 })).toBe(hour - 10_000)
  })

  it('of a token that is nearly over leaves a tenth to end, not all of it', () => {
    expect(streamLifetimeMs({ expiresAt: now + 10_000, now, random: () => 1 })).toBe(9000)
    expect(streamLifetimeMs({ expiresAt: now + 10_000, now, random: () => 0 })).toBe(7200)
  })

  it('of a token that has just expired is a millisecond', () => {
    expect(lifetime({ expiresAt: now })).toBe(1)
    expect(lifetime({ expiresAt: now - hour })).toBe(1)
  })

  it('is without end only with neither', () => {
    expect(lifetime({})).toBe(Number.POSITIVE_INFINITY)
  })

  it('is never more than a timer knows: the conformance token expires in the year 2100', () => {
    expect(lifetime({ expiresAt: 4102444800_000 })).toBe(2 ** 31 - 1)
  })

  it('is never beyond the token, and never the same for all', () => {
    const expiresAt = now + hour
    const lifetimes = Array.from({ length: 1000 }, () => streamLifetimeMs({ expiresAt, now }))
    expect(Math.max(...lifetimes)).toBeLessThanOrEqual(hour - 5000)
    expect(Math.min(...lifetimes)).toBeGreaterThanOrEqual(0.8 * hour - 5000)
    expect(new Set(lifetimes).size).toBeGreaterThan(900)
  })
})
