import { generateKeyPairSync } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { headwater, serveHub } from '../running.ts'

const hubPath = '/.well-known/mercure'
const publisherSecret = 'the secret of publishers, long enough'
const subscriberSecret = 'the secret of subscribers, long enough'
const issuer = 'https://shop.example'
const audience = 'https://hub.shop.example/.well-known/mercure'
const who = ['--key-alg', 'HS256', '--issuer', issuer, '--audience', audience]
const bothKeys = ['--publisher-key', publisherSecret, '--subscriber-key', subscriberSecret, ...who]

async function mint(...flags: string[]): Promise<string> {
  const command = headwater('token', ...flags)
  expect([await command.ended(), command.stderr]).toEqual([0, ''])
  expect(command.stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/)
  return command.stdout.trim()
}

function temporaryFile(name: string, text: string): string {
  const directory = temporaryDirectory()
  const path = join(directory, name)
  writeFileSync(path, text)
  return path
}

describe('headwater serve with keys', () => {
  test('lets in who has a token, made by headwater token, and tells nobody else anything', async () => {
    const hub = await serveHub(...bothKeys)
    const publisher = await mint('--key', publisherSecret, ...who, '--publish', 'a')
    const subscriber = await mint('--key', subscriberSecret, ...who, '--subscribe', '*', '--expires', '5m')
    const tail = headwater('tail', '--hub', hub.url, '--token', subscriber, '-t', 'a', '--last-event-id', 'earliest')
    const publish = headwater(
      'publish',
      '--hub',
      hub.url,
      '--token',
      publisher,
      '-t',
      'a',
      '--private',
      'a private event',
    )
    expect([await publish.ended(), publish.stderr]).toEqual([0, ''])
    await tail.said(/^a private event\n$/)

    const beyond = headwater('publish', '--hub', hub.url, '--token', publisher, '-t', 'b', 'x')
    expect(await beyond.ended()).toBe(1)
    expect(beyond.stderr).toContain('403 The token does not grant this')
    for (const flags of [[], ['--token', subscriber]]) {
      const refused = headwater('publish', '--hub', hub.url, ...flags, '-t', 'a', 'x')
      expect(await refused.ended()).toBe(1)
      expect(refused.stderr).toMatch(/401 /)
    }
    const anonymous = headwater('tail', '--hub', hub.url, '-t', 'a')
    expect(await anonymous.ended()).toBe(1)
    expect(anonymous.stderr).toContain('401 This request needs a token')

    await hub.said(
      /refused a POST from 127\.0\.0\.1: the token grants publishing to the topics of its matcher, but not to the topic/,
      'stderr',
    )
    await hub.said(/refused a GET from 127\.0\.0\.1: the request has no subscriber's token/, 'stderr')
    for (const secret of [publisherSecret, subscriberSecret, publisher, subscriber, 'a private event']) {
      expect(hub.stderr).not.toContain(secret.slice(-20))
    }
  })

  test('publishes each line of standard input by its token', async () => {
    const hub = await serveHub(...bothKeys, '--anonymous')
    const token = await mint('--key', publisherSecret, ...who, '--publish', '*')
    const publish = headwater('publish', '--hub', hub.url, '--token', token, '-t', 'log')
    publish.child.stdin.end('one\ntwo\n')
    expect(await publish.ended()).toBe(0)
    const tail = headwater('tail', '--hub', hub.url, '-t', 'log', '--last-event-id', 'earliest')
    await tail.said(/^one\ntwo\n$/)
  })

  test('reads keys from files, again at SIGHUP, and drops nobody', async () => {
    const path = temporaryFile('secret', `${subscriberSecret}\n`)
    const hub = await serveHub('--subscriber-key', `file:${path}`, ...who)
    const ask = (token: string) =>
      fetch(`${hub.url}${hubPath}/last?match=a`, { headers: { authorization: `Bearer ${token}` } })
    const [old, renewed] = await Promise.all(
      [subscriberSecret, publisherSecret].map((key) => mint('--key', key, ...who, '--subscribe', '*')),
    )
    const stream = await fetch(`${hub.url}${hubPath}?match=a`, { headers: { authorization: `Bearer ${old}` } })
    const reader = stream.body!.getReader()
    await reader.read()
    expect([(await ask(old!)).status, (await ask(renewed!)).status]).toEqual([200, 401])
    writeFileSync(path, publisherSecret)
    hub.child.kill('SIGHUP')
    await hub.said(/reloaded limits, keys and the log level/, 'stderr')
    expect([(await ask(old!)).status, (await ask(renewed!)).status]).toEqual([401, 200])
    writeFileSync(path, '')
    hub.child.kill('SIGHUP')
    await hub.said(/reload failed, nothing changed: --subscriber-key is empty/, 'stderr')
    expect((await ask(renewed!)).status).toBe(200)
    await reader.cancel()
  })

  test('verifies with a PEM public key what was signed with the private one', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', {
      namedCurve: 'P-256',
      privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
      publicKeyEncoding: { type: 'spki', format: 'pem' },
    })
    const names = ['--issuer', issuer, '--audience', audience]
    const hub = await serveHub('--publisher-key', publicKey, '--anonymous', ...names)
    const token = await mint('--key', privateKey, '--key-alg', 'ES256', ...names, '--publish', '*')
    const publish = headwater('publish', '--hub', hub.url, '--token', token, '-t', 'a', 'x')
    expect(await publish.ended()).toBe(0)
  })

  test('speaks Mercure of before 1.0 with --compat, and without it does not', async () => {
    const token = await mint('--compat', '--key', publisherSecret, '--publish', '*', '--subscribe', '*')
    const keys = ['--publisher-key', publisherSecret, '--key-alg', 'HS256', '--anonymous']
    const statuses = async (...flags: string[]) => {
      const hub = await serveHub(...keys, ...flags)
      const body = new URLSearchParams({ topic: 'a' })
      const headers = { authorization: `Bearer ${token}` }
      const published = await fetch(hub.url + hubPath, { method: 'POST', body, headers })
      const asked = await fetch(`${hub.url}${hubPath}/last?topic=a`)
      return [published.status, asked.status]
    }
    expect(await statuses('--compat')).toEqual([200, 200])
    expect(await statuses('--issuer', issuer, '--audience', audience)).toEqual([401, 400])
  })

  test('without a key for publishers says that nobody may publish', async () => {
    const hub = await serveHub('--anonymous')
    await hub.said(/nobody may publish: there is no --publisher-key/, 'stderr')
    expect((await fetch(hub.url + hubPath, { method: 'POST' })).status).toBe(405)
  })

  test('answers to any host name, without --dev', async () => {
    const hub = await serveHub(...bothKeys, '--anonymous', '--publish-origins', 'https://shop.example')
    expect((await fetch(`${hub.url}/.well-known/oauth-protected-resource${hubPath}`)).status).toBe(200)
  })
})

const pem = generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }).toString()

describe('a configuration of keys that cannot be meant', () => {
  const names = ['--issuer', issuer, '--audience', audience]
  test.each<[what: string, flags: string[], reason: RegExp]>([
    ['no keys', [], /Without --dev .* --publisher-key, --subscriber-key \(or --anonymous\)/],
    ['only a publisher key', ['--publisher-key', publisherSecret, ...who], /--subscriber-key is missing/],
    ['PEM with HS256', ['--publisher-key', pem, '--anonymous', ...who], /--publisher-key .*HS256/],
    [
      'a secret without algorithm',
      ['--publisher-key', publisherSecret, '--anonymous', ...names],
      /--publisher-key .*--key-alg/,
    ],
    ['a short secret', ['--publisher-key', 'short', '--anonymous', ...who], /--publisher-key /],
    [
      'no issuer',
      ['--publisher-key', publisherSecret, '--anonymous', '--key-alg', 'HS256', '--audience', audience],
      /--issuer is missing/,
    ],
    [
      'no audience',
      ['--publisher-key', publisherSecret, '--anonymous', '--key-alg', 'HS256', '--issuer', issuer],
      /--audience is missing/,
    ],
    ['an audience that is no URL', [...bothKeys, '--audience', 'shop'], /--audience is "shop"/],
    [
      'an unknown algorithm',
      ['--publisher-key', publisherSecret, '--anonymous', '--key-alg', 'none', ...names],
      /--key-alg has "none"/,
    ],
    [
      'a file that is not there',
      ['--publisher-key', 'file:/nowhere/key', '--anonymous', ...who],
      /--publisher-key: the file \/nowhere\/key cannot be read/,
    ],
    [
      'a key set in the clear',
      ['--publisher-key', 'http://shop.example/jwks.json', '--anonymous', ...names],
      /--publisher-key: .*https/,
    ],
    [
      'an origin with a path',
      [...bothKeys, '--publish-origins', 'https://shop.example/x'],
      /Did you mean https:\/\/shop\.example/,
    ],
    ['a cookie of no name', [...bothKeys, '--cookie', 'a b'], /--cookie is "a b"/],
  ])('(%s) is refused in one line that names the flag, and shows no key', async (_, flags, reason) => {
    const hub = headwater('serve', '--store', 'memory:', '--listen', ':0', ...flags)
    expect(await hub.ended()).toBe(2)
    expect(hub.stderr).toMatch(reason)
    expect(hub.stderr.trim().split('\n')).toHaveLength(1)
    expect(hub.stdout).toBe('')
    for (const secret of [publisherSecret, subscriberSecret, 'short', pem.split('\n')[1]!]) {
      expect(hub.stderr).not.toContain(secret)
    }
  })
})

describe('headwater token', () => {
  const decode = (token: string) => JSON.parse(Buffer.from(token.split('.')[1]!, 'base64url').toString())

  test('makes what it is told', async () => {
    const token = await mint(
      ...['--key', publisherSecret, ...who, '--publish', 'a', '--publish', 'urlpattern:https://shop.example/:id'],
      ...['--subscribe', '*', '--payload', '{"name":"Ada"}', '--subject', 'user-42', '--expires', '90s'],
    )
    const { iat, exp, jti, ...claims } = decode(token)
    expect([exp - iat, typeof jti]).toEqual([90, 'string'])
    const type = 'https://mercure.rocks/authorization-detail'
    expect(claims).toEqual({
      iss: issuer,
      aud: audience,
      sub: 'user-42',
      client_id: 'user-42',
      authorization_details: [
        {
          type,
          actions: ['publish'],
          topics: [{ match: 'a' }, { match: 'https://shop.example/:id', match_type: 'urlpattern' }],
        },
        { type, actions: ['subscribe'], topics: [{ match: '*' }], payload: { name: 'Ada' } },
      ],
    })
  })

  test.each<[flags: string[], reason: RegExp]>([
    [['--publish', '*'], /--key/],
    [['--key', publisherSecret, ...who], /grants nothing/],
    [['--key', 'abc', ...who, '--publish', '*'], /key is 3 bytes long; .* HS256 needs at least 32/],
    [['--key', publisherSecret, '--publish', '*'], /issuer is missing.*--issuer/],
    [['--key', publisherSecret, '--issuer', issuer, '--publish', '*'], /--audience/],
    [['--key', publisherSecret, ...who, '--publish', 'https://shop.example/*'], /--publish is .* urlpattern:/],
    [['--key', publisherSecret, ...who, '--publish', '*', '--expires', '5'], /--expires is "5"/],
    [['--key', publisherSecret, ...who, '--subscribe', '*', '--payload', '{'], /--payload is not JSON/],
    [['--key', publisherSecret, '--key-alg', 'none', '--publish', '*'], /--key-alg none/],
    [['--key', publisherSecret, '--key-alg', 'ES256', ...names(), '--publish', '*'], /PEM private key/],
    [['--key', 'file:/nowhere/key', ...who, '--publish', '*'], /\/nowhere\/key cannot be read/],
  ])('refuses %j in a line that says what is wrong, and shows no key', async (flags, reason) => {
    const command = headwater('token', ...flags)
    expect(await command.ended()).toBe(2)
    expect(command.stderr).toMatch(reason)
    expect([command.stdout, command.stderr.includes(publisherSecret)]).toEqual(['', false])
  })

  test('--help says how its tokens are used', async () => {
    const help = headwater('token', '--help')
    expect(await help.ended()).toBe(0)
    for (const word of ['Examples:', '--publish', 'urlpattern:', 'In production']) expect(help.stdout).toContain(word)
  })
})

function names(): string[] {
  return ['--issuer', issuer, '--audience', audience]
}
