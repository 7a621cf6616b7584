import { createHash } from 'node:crypto'
import { chmodSync } from 'node:fs'
import { connect } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { logEvents } from '../../../src/cli/log/log.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { headwater, type Running, type RunningHub, serveHub } from '../running.ts'

const hubPath = '/.well-known/mercure'
const publisherSecret = 'PublisherSecret-which-is-long-enough'
const subscriberSecret = 'SubscriberSecret-which-is-long-enough'
const issuer = 'https://shop.example'
const audience = 'https://hub.shop.example/.well-known/mercure'
const who = ['--key-alg', 'HS256', '--issuer', issuer, '--audience', audience]

function startHub(...flags: string[]): Promise<RunningHub> {
  const keys = ['--publisher-key', publisherSecret, '--subscriber-key', subscriberSecret, ...who]
  return serveHub('--log-format', 'json', ...keys, ...flags)
}

type Line = Readonly<Record<string, unknown>> & {
  readonly event: string
  readonly level: string
  readonly message: string
}

/** Every line of the log: all of it is JSON, in one form. */
function linesOf({ stderr }: Running): Line[] {
  return stderr
    .trimEnd()
    .split('\n')
    .map((text) => {
      const line = JSON.parse(text) as Line
      expect(line).toMatchObject({ time: expect.stringMatching(/^20.*Z$/), message: expect.any(String) })
      expect(line.level).toBe(logEvents[line.event as keyof typeof logEvents])
      return line
    })
}

async function mint(...flags: string[]): Promise<string> {
  const command = headwater('token', ...who, ...flags)
  expect(await command.ended()).toBe(0)
  return command.stdout.trim()
}

async function stopped(hub: Running): Promise<Line[]> {
  hub.child.kill('SIGTERM')
  expect(await hub.ended()).toBe(0)
  return linesOf(hub)
}

describe('the log of headwater serve as JSON', () => {
  test('tells an operator what runs, who may use it, what it takes, that it is ready, and how it ended', async () => {
    const hub = await startHub('--max-age', '7d', '--max-matchers', '7', '--anonymous')
    const lines = await stopped(hub)
    expect(lines.map(({ event }) => event)).toEqual([
      'starting',
      'store-opened',
      'authorization',
      'limits',
      'ready',
      'stopping',
      'stopped',
    ])
    const byEvent = Object.fromEntries(lines.map((line) => [line.event, line]))
    expect(byEvent['store-opened']).toMatchObject({ store: 'memory:', maxAgeSeconds: 604_800, headPosition: 0 })
    expect(byEvent.authorization).toMatchObject({ dev: false, anonymous: true, publisherKeys: 1, issuer })
    expect(byEvent.limits).toMatchObject({ maxMatchers: 7, maxSubscribers: 100_000, maxConnections: 110_000 })
    expect(byEvent.ready).toMatchObject({ url: hub.url, level: 'info' })
    expect(byEvent.stopping).toMatchObject({ signal: 'SIGTERM', streams: 0, deadlineSeconds: 8 })
    expect(byEvent.stopped).toMatchObject({ seconds: expect.any(Number), connectionsCutOff: 0 })
  })

  test('has no token, key, topic, data or payload in it, whatever happens and at every level', async () => {
    const hub = await startHub('--log-level', 'debug', '--subscriptions', '--max-topics', '1')
    const secrets = [
      'TopicOfAnn',
      'DataOfAnn',
      'PayloadOfAnn',
      'SubjectAnn',
      'IdOfAnn',
      publisherSecret,
      subscriberSecret,
    ]
    const publisher = await mint('--key', publisherSecret, '--publish', 'TopicOfAnn', '--subject', 'SubjectAnn')
    const subscriber = await mint(
      ...[
        '--key',
        subscriberSecret,
        '--subscribe',
        'TopicOfAnn',
        '--payload',
        '{"name":"PayloadOfAnn"}',
        '--subject',
        'SubjectAnn',
      ],
    )
    const forged = await mint(
      '--key',
      'ForgedSecret-which-is-long-enough-too',
      '--publish',
      'TopicOfAnn',
      '--subject',
      'SubjectAnn',
    )
    const publish = async (token: string | undefined, body: string, headers: Record<string, string> = {}) =>
      (
        await fetch(hub.url + hubPath, {
          method: 'POST',
          body,
          headers: {
            'content-type': 'application/x-www-form-urlencoded',
            ...(token !== undefined && { authorization: `Bearer ${token}` }),
            ...headers,
          },
        })
      ).status
    const event = 'topic=TopicOfAnn&data=DataOfAnn&private=on&id=IdOfAnn'
    expect(await publish(publisher, event)).toBe(200)
    expect(await publish(publisher, event.replace('Ann', 'Bob-TopicOfAnn'))).toBe(403)
    expect(await publish(publisher, `${event}&topic=TopicOfAnn2`)).toBeGreaterThanOrEqual(400)
    expect(await publish(undefined, event)).toBe(401)
    expect(await publish(subscriber, event)).toBe(401)
    expect(await publish(forged, event)).toBe(401)
    expect(await publish(`${publisher.slice(0, -4)}AAAA`, event)).toBe(401)
    expect(await publish(undefined, event, { authorization: 'Basic TopicOfAnn' })).toBe(400)
    expect(await publish(undefined, event, { cookie: `__Secure-mercure_access_token=${publisher}` })).toBe(400)
    expect(await publish(publisher, '{"topic":"TopicOfAnn', { 'content-type': 'application/json' })).toBe(400)
    const streams = await Promise.all(
      [subscriber, forged, undefined].map((token) =>
        fetch(`${hub.url}${hubPath}?match=TopicOfAnn&last_event_id=IdOfAnn&authorization=${publisher}`, {
          headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
        }),
      ),
    )
    expect(streams.map(({ status }) => status)).toEqual([200, 401, 401])
    await fetch(`${hub.url}/TopicOfAnn?access_token=${publisher}`)
    await Promise.all(streams.map(({ body }) => body?.cancel()))
    const lines = await stopped(hub)
    const events = new Set(lines.map(({ event }) => event))
    for (const event of ['token-refused', 'request', 'stream-ended']) expect(events).toContain(event)
    for (const token of [publisher, subscriber, forged])
      secrets.push(...token.split('.').map((part) => part.slice(0, 60)))
    // The header of a token says nothing that is secret, and yet.
    for (const secret of secrets) expect([secret, hub.stderr.includes(secret)]).toEqual([secret, false])
  })

  test('says why a token was refused, and whose it was by the address, which the client is not told', async () => {
    const hub = await startHub('--trusted-proxies', '127.0.0.1')
    const token = await mint('--key', subscriberSecret, '--subscribe', '*', '--audience', 'https://other.example/hub')
    const answer = await fetch(`${hub.url}${hubPath}?match=a`, {
      headers: { authorization: `Bearer ${token}`, 'x-forwarded-for': '203.0.113.9' },
    })
    expect(answer.status).toBe(401)
    expect(await answer.text()).not.toContain('other.example')
    const [refused] = (await stopped(hub)).filter(({ event }) => event === 'token-refused')
    expect(refused).toMatchObject({ level: 'warn', address: '203.0.113.9', method: 'GET' })
    expect(refused!.reason).toContain('its aud is "https://other.example/hub"')
  })

  test('is not filled by a flood of bad tokens, whose number it tells', async () => {
    const hub = await startHub()
    const count = 500
    for (let n = 0; n < count; n += 50) {
      await Promise.all(
        Array.from({ length: 50 }, (_, index) =>
          fetch(`${hub.url}${hubPath}?match=a`, {
            // Each is bad in a way of its own.
            headers: {
              authorization: `Bearer ${Buffer.from(`{"alg":"x${n + index}"}`).toString('base64url')}.e30.${'s'.repeat(43)}`,
            },
          }).then((response) => response.body!.cancel()),
        ),
      )
    }
    const refused = (await stopped(hub)).filter(({ event }) => event === 'token-refused')
    // Ten a minute, and should it have taken several minutes.
    expect(refused.length).toBeLessThan(100)
    const omitted = refused.filter((line) => 'omitted' in line)
    expect(omitted.length).toBeGreaterThan(0)
    const total = omitted.reduce((sum, line) => sum + Number(line.omitted), 0)
    expect(total + refused.length - omitted.length).toBe(count)
    expect(omitted[0]!.message).toMatch(/^… and \d+ more \(token-refused\) from 127\.0\.0\.1\.$/)
  })

  test('cannot be given lines by who sends strange hosts, addresses or tokens', async () => {
    const hub = await startHub('--trusted-proxies', '127.0.0.1', '--public-urls', 'https://hub.shop.example')
    const { hostname, port } = new URL(hub.url)
    const socket = connect(Number(port), hostname)
    onTestFinished(() => void socket.destroy())
    // What an HTTP parser lets through: no C0, but everything from U+0080 up, as bytes.
    const strange = Buffer.from('\u0085\u202e\u2028{"level":"error"}\t[31m\ufeff').toString('latin1')
    let received = ''
    const answered = new Promise<void>((resolve) => {
      socket.setEncoding('latin1').on('data', (text) => {
        received += text
        if (received.includes('421')) resolve()
      })
    })
    socket.write(
      Buffer.from(
        `GET ${hubPath}?match=a HTTP/1.1\r\nHost: x${strange}\r\nX-Forwarded-For: ${strange}\r\nX-Forwarded-Host: y${strange}\r\nAuthorization: Bearer ${strange}\r\n\r\n`,
        'latin1',
      ),
    )
    await answered
    const lines = await stopped(hub)
    expect(lines.filter(({ level }) => level === 'error')).toEqual([])
    expect(lines.filter(({ event }) => event === 'request-refused')).toHaveLength(1)
    expect(hub.stderr.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u)
  })

  test('tells what a subscriber said it has, and of an ID that a publisher chose only a digest', async () => {
    const hub = await startHub('--log-level', 'debug', '--anonymous')
    const open = async (query: string, headers: Record<string, string> = {}) => {
      const { body } = await fetch(`${hub.url}${hubPath}?match=a${query}`, { headers })
      await body!.cancel()
    }
    const own = '0123456789.7.abc'
    await open('')
    await open('', { 'last-event-id': own })
    await open('&last_event_id=earliest')
    await open('&last_event_id=-10')
    await open('', { 'last-event-id': 'urn:private' })
    const streams = (await stopped(hub)).filter(({ event, route }) => event === 'request' && route === 'subscribe')
    const digest = createHash('sha256').update('urn:private').digest('hex').slice(0, 12)
    expect(streams.map(({ lastEventId }) => lastEventId)).toEqual([
      undefined,
      own,
      'earliest',
      '-10',
      `(11 bytes, SHA-256 ${digest}…)`,
    ])
    expect(streams[1]!.message).toContain(`, to resume after ${own}.`)
    expect(hub.stderr).not.toContain('urn:private')
  })

  test('tells that others may open the data directory', async () => {
    const directory = temporaryDirectory()
    chmodSync(directory, 0o750)
    const flags = ['--listen', ':0', '--store', `file:${directory}`, '--log-format', 'json']
    const cautions = async () => {
      const hub = headwater('serve', '--dev', ...flags)
      await hub.said(/listening/)
      return (await stopped(hub)).filter(({ event }) => event === 'caution').map(({ message }) => message)
    }
    expect(await cautions()).toEqual([
      `other users may open ${directory} (its mode is 750), which is for the hub alone. chmod 700 ${directory}.`,
    ])
    chmodSync(directory, 0o700)
    expect(await cautions()).toEqual([])
  })

  test('tells why the hub did not start, too', async () => {
    const hub = headwater('serve', '--dev', '--log-format', 'json', '--store', 'redis://x')
    expect(await hub.ended()).toBe(2)
    expect(linesOf(hub)).toEqual([expect.objectContaining({ event: 'start-failed', code: 'INVALID_OPTION' })])
  })
})
