import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { gzipSync } from 'node:zlib'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { RemoteKeySet, type RemoteKeySetOptions } from '../../src/auth/remote-key-set.ts'
import { authenticatorOf, bearer, claims, type KeyPair, keyPair, oneSecret, sign } from './tokens.ts'

const first = keyPair('p256')
const second = keyPair('p256')

/** An issuer's server for its keys: what it answers can be changed at any time. */
let server: Server
let url: string
let fetches: number
let answer: (req: IncomingMessage, res: ServerResponse) => void

beforeEach(async () => {
  fetches = 0
  answer = withKeys(first.jwk({ kid: 'first' }))
  server = createServer((req, res) => {
    fetches++
    answer(req, res)
  })
  url = await listen(server, 0)
})

afterEach(() => stop(server))

async function listen(server: Server, port: number): Promise<string> {
  await once(server.listen(port, '127.0.0.1'), 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`
}

async function stop(server: Server): Promise<void> {
  if (!server.listening) return
  const closed = once(server, 'close')
  server.close()
  server.closeAllConnections()
  await closed
}

function withKeys(...keys: unknown[]) {
  return (_req: IncomingMessage, res: ServerResponse) => {
    res.setHeader('content-type', 'application/jwk-set+json')
    res.end(JSON.stringify({ keys }))
  }
}

/** A hub with the keys at the URL, and a clock for how old they are. */
async function hubOf(keySets: Partial<RemoteKeySetOptions> = {}, key: string = url) {
  let time = 0
  const waiting = new Set<{ until: number; go: () => void }>()
  const wait = (ms: number) => new Promise<void>((go) => waiting.add({ until: time + ms, go }))
  const { authenticator, warnings } = await authenticatorOf(
    { ...oneSecret, publisher: { key } },
    { keySets: { clock: () => time, wait, ...keySets } },
  )
  return {
    warnings,
    pass: (ms: number) => {
      time += ms
      for (const each of waiting) {
        if (each.until > time) continue
        waiting.delete(each)
        each.go()
      }
    },
    /** Resolves when somebody waits for the next fetch. */
    async waited() {
      while (waiting.size === 0) await new Promise(setImmediate)
    },
    /** `good`, the name of the failure, or the reason of an invalid token. */
    async judge(signer: KeyPair | string, kid?: string): Promise<string> {
      const token = typeof signer === 'string' ? signer : tokenOf(signer, kid)
      const result = await authenticator.authenticate(bearer(token), 'publisher')
      if (result.name === 'authorized') return 'good'
      return result.failure.name === 'invalid_token' ? result.reason : result.failure.name
    },
  }
}

function tokenOf({ privateKey }: KeyPair, kid?: string): string {
  return sign(claims(), { alg: 'ES256', key: privateKey, ...(kid !== undefined && { kid }) })
}

const minute = 60_000
const hour = 60 * minute

describe('keys at a URL', () => {
  it('are fetched at the start, and once for many tokens', async () => {
    const hub = await hubOf()
    expect(fetches).toBe(1)
    const verdicts = await Promise.all(Array.from({ length: 20 }, () => hub.judge(first, 'first')))
    expect(new Set(verdicts)).toEqual(new Set(['good']))
    expect(fetches).toBe(1)
    expect(hub.warnings).toEqual([])
  })

  it('are fetched again after 10 minutes, while nobody waits for them', async () => {
    const hub = await hubOf()
    hub.pass(10 * minute - 1)
    expect(await hub.judge(first, 'first')).toBe('good')
    expect(fetches).toBe(1)
    hub.pass(1)
    let release = () => {}
    const asked = new Promise<void>((resolve) => {
      answer = (req, res) => {
        release = () => withKeys(second.jwk({ kid: 'second' }))(req, res)
        resolve()
      }
    })
    // Good by the key of before, though the answer with the new ones is still to come.
    expect(await hub.judge(first, 'first')).toBe('good')
    await asked
    release()
    expect(await hub.judge(second, 'second')).toBe('good')
    expect(fetches).toBe(2)
  })

  it('are waited for when nobody had asked for long: a withdrawn key is out', async () => {
    const hub = await hubOf()
    answer = withKeys(second.jwk({ kid: 'second' }))
    hub.pass(hour)
    expect(await hub.judge(first, 'first')).toContain('no key of its issuer')
    expect(await hub.judge(second, 'second')).toBe('good')
  })

  it('are what a token is verified with, however often it was good before', async () => {
    const hub = await hubOf()
    const token = tokenOf(first, 'first')
    expect(await hub.judge(token)).toBe('good')
    expect(await hub.judge(token)).toBe('good')
    answer = withKeys(second.jwk({ kid: 'second' }))
    hub.pass(hour)
    expect(await hub.judge(token)).toContain('no key of its issuer')
  })
})

describe('rotation', () => {
  it('a token with an unknown kid has the keys fetched, and is good with the new one', async () => {
    const hub = await hubOf()
    answer = withKeys(first.jwk({ kid: 'first' }), second.jwk({ kid: 'second' }))
    expect(await hub.judge(second, 'second')).toBe('good')
    expect(await hub.judge(first, 'first')).toBe('good')
    expect(fetches).toBe(2)
  })

  it('a token that fits no key has them fetched too, for issuers that name none', async () => {
    answer = withKeys(first.jwk())
    const hub = await hubOf()
    answer = withKeys(second.jwk())
    expect(await hub.judge(second)).toBe('good')
    const withdrawn = hub.judge(first)
    await hub.waited()
    hub.pass(10_000)
    expect(await withdrawn).toContain('its signature does not fit')
  })

  it('many tokens with the new key at once are all good, though it is fetched once', async () => {
    const hub = await hubOf()
    answer = withKeys(second.jwk({ kid: 'second' }))
    const verdicts = await Promise.all(Array.from({ length: 50 }, () => hub.judge(second, 'second')))
    expect(new Set(verdicts)).toEqual(new Set(['good']))
    expect(fetches).toBe(2)
  })

  it('a token that was tried with the old key is good when another had the new one fetched meanwhile', async () => {
    const set = new RemoteKeySet(new URL(url), new Set(['ES256']), { onWarning: () => {} })
    const old = await set.current()
    answer = withKeys(second.jwk({ kid: 'second' }))
    const now = { mayWait: false }
    const renewal = await set.renewed(old ?? [], now)
    const keys = renewal.name === 'keys' ? renewal.keys : []
    expect(keys.map(({ kid }) => kid)).toEqual(['second'])
    expect(await set.renewed(old ?? [], now)).toEqual(renewal)
    expect(await set.renewed(keys, now)).toEqual({ name: 'unknown' })
    expect(fetches).toBe(2)
  })

  it('unknown kids have the keys fetched once in 10 seconds and no more, however many there are', async () => {
    const hub = await hubOf()
    expect(await hub.judge(second, 'unknown')).toContain('has its kid')
    expect(fetches).toBe(2)
    const verdicts = Promise.all(Array.from({ length: 20 }, (_, i) => hub.judge(second, `more ${i}`)))
    await hub.waited()
    hub.pass(9999)
    // Good ones never wait for any of it, and neither do those that only claim to be of a known key.
    expect(await hub.judge(first, 'first')).toBe('good')
    expect(await hub.judge(second, 'first')).toContain('its signature does not fit')
    expect(fetches).toBe(2)
    hub.pass(1)
    // Refused only by keys that were fetched after they came.
    for (const verdict of await verdicts) expect(verdict).toContain('has its kid')
    expect(fetches).toBe(3)
  })

  it('a good token with a new key is never refused because another had an unknown kid before', async () => {
    const hub = await hubOf()
    expect(await hub.judge(second, 'made up')).toContain('has its kid')
    answer = withKeys(first.jwk({ kid: 'first' }), second.jwk({ kid: 'second' }))
    const verdict = hub.judge(second, 'second')
    await hub.waited()
    hub.pass(10_000)
    expect(await verdict).toBe('good')
    expect(fetches).toBe(3)
  })

  it('what cannot be found out is unavailable, not bad: beyond a thousand that wait, and while the server fails', async () => {
    const hub = await hubOf()
    expect(await hub.judge(second, 'made up')).toContain('has its kid')
    answer = (_req, res) => res.writeHead(500).end()
    const verdicts = Array.from({ length: 1001 }, (_, i) => hub.judge(second, `unknown ${i}`))
    expect(await Promise.race(verdicts)).toBe('keys_unavailable')
    hub.pass(10_000)
    expect(new Set(await Promise.all(verdicts))).toEqual(new Set(['keys_unavailable']))
    expect(fetches).toBe(3)
    expect(await hub.judge(first, 'first')).toBe('good')
  })

  it('an emptied set is believed: then no token is good, and the operator is told', async () => {
    const hub = await hubOf()
    answer = withKeys()
    hub.pass(hour)
    expect(await hub.judge(first, 'first')).toContain('are for none')
    expect(hub.warnings).toEqual([expect.stringContaining('it has no usable key')])
  })

  it('keys for HMAC in the set are never used', async () => {
    answer = withKeys({ kty: 'oct', k: Buffer.from('x'.repeat(32)).toString('base64url'), kid: 'first' })
    const hub = await hubOf()
    expect(await hub.judge(first, 'first')).toContain('are for none')
    expect(hub.warnings).toEqual([expect.stringContaining('it is a secret')])
  })
})

describe('when the keys cannot be fetched', () => {
  it('those of before stay in use while the server is down, for 24 hours', async () => {
    const hub = await hubOf()
    await stop(server)
    for (let hours = 0; hours < 23; hours++) {
      hub.pass(hour)
      expect(await hub.judge(first, 'first')).toBe('good')
    }
    // Told once, not every time.
    expect(hub.warnings).toEqual([expect.stringContaining('stay in use')])
    hub.pass(hour)
    expect(await hub.judge(first, 'first')).toBe('keys_unavailable')
    expect(hub.warnings[1]).toContain('no token can be checked')
  })

  it('the hub starts, refuses as unavailable rather than as bad, and recovers', async () => {
    await stop(server)
    const hub = await hubOf()
    expect(hub.warnings).toEqual([expect.stringContaining('ECONNREFUSED')])
    expect(await hub.judge(first, 'first')).toBe('keys_unavailable')
    await listen(server, Number(new URL(url).port))
    // Not tried again at once: those who wait for it would only make it worse.
    expect(await hub.judge(first, 'first')).toBe('keys_unavailable')
    expect(fetches).toBe(0)
    hub.pass(5000)
    expect(await hub.judge(first, 'first')).toBe('good')
    expect(fetches).toBe(1)
  })

  it('a server back with the same keys is told as well', async () => {
    const hub = await hubOf()
    answer = (_req, res) => res.writeHead(500).end()
    hub.pass(hour)
    expect(await hub.judge(first, 'first')).toBe('good')
    answer = withKeys(first.jwk({ kid: 'first' }))
    hub.pass(hour)
    expect(await hub.judge(first, 'first')).toBe('good')
    expect(hub.warnings).toEqual([expect.stringContaining('it answered 500'), expect.stringContaining('works again')])
  })
})

describe('a hostile server', () => {
  /** What a hub is told that starts with such an answer. */
  async function warningOf(hostile: typeof answer, options: Partial<RemoteKeySetOptions> = {}): Promise<string> {
    answer = hostile
    const hub = await hubOf(options)
    expect(await hub.judge(first, 'first')).toBe('keys_unavailable')
    return hub.warnings.join()
  }

  it('that answers without end is cut off', async () => {
    let sent = 0
    let isCutOff = false
    const closed = new Promise<void>((resolve) => {
      answer = (_req, res) => {
        const more = () => {
          for (let room = true; room && !res.destroyed; sent += 65_536) room = res.write('x'.repeat(65_536))
        }
        res.on('drain', more)
        res.on('close', () => {
          isCutOff = !res.writableFinished
          resolve()
        })
        res.write('{"keys":[],"x":"')
        more()
      }
    })
    expect(await warningOf(answer)).toContain('it is larger than 262144 bytes')
    await closed
    expect(isCutOff).toBe(true)
    // What the sockets hold, and far from endless.
    expect(sent).toBeLessThan(64 * 1024 * 1024)
  })

  it('that answers with little which unpacks to much is cut off too', async () => {
    const bomb = gzipSync(Buffer.alloc(32 * 1024 * 1024, 0x20))
    expect(bomb.length).toBeLessThan(256 * 1024)
    const warning = await warningOf((_req, res) => res.writeHead(200, { 'content-encoding': 'gzip' }).end(bomb))
    expect(warning).toContain('it is larger than 262144 bytes')
  })

  it('that redirects is not followed, wherever to', async () => {
    let isFollowed = false
    const inside = createServer((req, res) => {
      isFollowed = true
      withKeys(first.jwk({ kid: 'first' }))(req, res)
    })
    const location = await listen(inside, 0)
    for (const status of [301, 302, 303, 307, 308]) {
      expect(await warningOf((_req, res) => res.writeHead(status, { location }).end())).toContain(
        `it answered ${status}; redirects are not followed`,
      )
    }
    expect(isFollowed).toBe(false)
    await stop(inside)
  })

  it('that never answers, or never ends, is given up', async () => {
    const options = { timeoutMs: 50 }
    expect(await warningOf(() => {}, options)).toContain('it took longer than 50 ms')
    expect(await warningOf((_req, res) => res.write('{"keys":['), options)).toContain('it took longer than 50 ms')
  })

  it('that answers with anything but a set of keys is not believed', async () => {
    const bodies = {
      '<html>': 'it is not JSON',
      '': 'it is not JSON',
      null: 'it is not a JWK Set',
      '[]': 'it is not a JWK Set',
    }
    for (const [body, why] of Object.entries(bodies))
      expect(await warningOf((_req, res) => res.end(body))).toContain(why)
    expect(await warningOf((_req, res) => res.end(Buffer.from([0x22, 0xff, 0x22])))).toMatch(/could not be fetched/)
    expect(await warningOf(withKeys(...Array(101).fill(first.jwk())))).toContain('it has 101 keys')
    expect(await warningOf((_req, res) => res.writeHead(404).end())).toContain('it answered 404')
    expect(await warningOf((req) => req.socket.destroy())).toMatch(/could not be fetched/)
  })

  it('does not make the keys there are be forgotten', async () => {
    const hub = await hubOf()
    answer = (_req, res) => res.end('x'.repeat(300_000))
    expect(await hub.judge(second, 'unknown')).toBe('keys_unavailable')
    expect(fetches).toBe(2)
    expect(await hub.judge(first, 'first')).toBe('good')
  })
})

describe('two issuers with keys at URLs', () => {
  it('have each their own, even when they are named the same', async () => {
    const otherServer = createServer(withKeys(second.jwk({ kid: 'first' })))
    const otherUrl = await listen(otherServer, 0)
    const { authenticator } = await authenticatorOf({
      audience: oneSecret.audience,
      anonymousSubscribers: true,
      issuers: [
        { issuer: 'https://a.example', publisher: { key: url } },
        { issuer: 'https://b.example', publisher: { key: otherUrl } },
      ],
    })
    const nameFor = async (iss: string, { privateKey }: KeyPair) => {
      const token = sign(claims({ iss }), { alg: 'ES256', kid: 'first', key: privateKey })
      return (await authenticator.authenticate(bearer(token), 'publisher')).name
    }
    expect(await nameFor('https://a.example', first)).toBe('authorized')
    expect(await nameFor('https://b.example', second)).toBe('authorized')
    expect(await nameFor('https://a.example', second)).toBe('refused')
    expect(await nameFor('https://b.example', first)).toBe('refused')
    await stop(otherServer)
  })
})
