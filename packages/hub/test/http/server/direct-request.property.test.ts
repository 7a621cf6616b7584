import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { duplexPair } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { hubPath } from '../../../src/base/hub-path.ts'
import type { HubRequest } from '../../../src/http/message/http-message.ts'
import { DirectRequestReader } from '../../../src/http/server/direct-request.ts'

interface Read {
  readonly method: string | undefined
  readonly url: string | undefined
  readonly rawHeaders: readonly string[]
  readonly body: string
}

/** What Node's own server makes of bytes; `undefined` when it refuses them, or waits for more. */
async function readByNode(bytes: Buffer): Promise<Read | undefined> {
  const [client, connection] = duplexPair()
  const server = createServer()
  const read = new Promise<Read | undefined>((resolve) => {
    server.on('clientError', () => resolve(undefined))
    server.on('request', async (req: IncomingMessage, _res: ServerResponse) => {
      const { method, url, rawHeaders } = req
      let body = ''
      for await (const chunk of req.setEncoding('latin1')) body += chunk
      resolve({ method, url, rawHeaders, body })
    })
  })
  server.emit('connection', connection)
  client.resume()
  client.write(bytes)
  const result = await read
  connection.destroy()
  return result
}

/** Mostly one of the usual, so that a request has one oddity or two rather than ten. */
const mostly = (usual: readonly string[], odd: readonly string[]) =>
  fc.oneof({ weight: 12, arbitrary: fc.constantFrom(...usual) }, { weight: 1, arbitrary: fc.constantFrom(...odd) })
const header = mostly(
  [
    ...[
      'Cookie: a=b; c=d',
      'Authorization: Bearer x.y.z',
      'X: a\u00e4\u00ff',
      "X-!#$%&'*+-.^_`|~9: x",
      'X-A:',
      'X-B: \t',
      'X-C:\tx\t ',
    ],
    ...[
      'Connection: keep-alive',
      'connection:Keep-Alive',
      'Accept: */*',
      'Content-Type: application/x-www-form-urlencoded',
    ],
  ],
  [
    ...[
      'Host: localhost',
      'Host : localhost',
      'Host',
      'Content-Length: 3',
      'content-length:+3',
      'Content-Length: 3, 3',
      'Content-Length: 03',
    ],
    ...[
      'Transfer-Encoding: chunked',
      'Transfer-Encoding: identity',
      'Connection: close',
      'Connection: Upgrade',
      'Upgrade: websocket',
    ],
    ...[
      'Expect: 100-continue',
      'X: a\u0000',
      'X: a\u0001',
      'X: \u007f',
      ' folded: x',
      '\tfolded',
      ':',
      ': x',
      '',
      'X: a\rb',
      'X: a\nb',
    ],
    ...['X: a\r\rb', 'Content-Type: application/x-ndjson', 'Proxy-Connection: close', 'Keep-Alive: 1', 'X\u00e4: a'],
  ],
)
const request = fc
  .record({
    method: mostly(['GET', 'POST', 'POST'], ['get', 'PUT', 'HEAD', 'G ET', '']),
    gap: mostly([' '], ['  ', '\t']),
    target: mostly(
      [hubPath, `${hubPath}?match=a`, `${hubPath}?match=%E2%9B%B2&last_event_id=`, `${hubPath}??//"'`],
      [
        ...[`${hubPath}/last`, `${hubPath}x`, `${hubPath}#a`, '/', '*', `http://localhost${hubPath}`, `${hubPath}?a b`],
        ...[`${hubPath}?\u00e4`, `${hubPath}?\u0001`, `${hubPath}?\t`],
      ],
    ),
    version: mostly(['HTTP/1.1'], ['HTTP/1.0', 'HTTP/2.0', 'http/1.1', 'HTTP/1.1 ']),
    host: mostly(['Host: localhost', 'host:\ta.example:80 '], ['Host:', 'X: y']),
    headers: fc.array(header, { maxLength: 5 }),
    hasLength: fc.boolean(),
    end: mostly(['\r\n'], ['\n', '\r', '\n\r']),
    body: mostly(['', 'a=b', '\r\n\r\n', 'GET / HTTP/1.1\r\n\r\n'], ['a=bc']),
  })
  .map(({ method, gap, target, version, host, headers, hasLength, end, body }) => {
    const lines = [`${method}${gap}${target} ${version}`, host, ...headers]
    if (hasLength) lines.push(`Content-Length: ${body.length}`)
    return Buffer.from(`${lines.join(end)}${end}${end}${body}`, 'latin1')
  })

const neverLeaves = () => new AbortController().signal

function contentOf(read: HubRequest | undefined) {
  return read && { ...read, body: undefined, header: undefined, clientSignal: undefined, accept: read.header('accept') }
}

describe('a request that is read from its connection directly', () => {
  test('is read as the server of Node reads it, or not at all', { timeout: 120_000 }, async () => {
    let accepted = 0
    await fc.assert(
      fc.asyncProperty(request, async (bytes) => {
        const direct = new DirectRequestReader('/.well-known/mercure').read(bytes, undefined, neverLeaves)
        if (!direct) return
        accepted++
        const { method, url, rawHeaders, wholeBody } = direct
        expect({ method, url, rawHeaders, body: wholeBody!.toString('latin1') }).toEqual(await readByNode(bytes))
      }),
      { numRuns: 20_000 },
    )
    // It is about something.
    expect(accepted).toBeGreaterThan(2000)
  })

  test('is read the same whatever came over its connection before', () => {
    fc.assert(
      fc.property(
        fc.array(request, { minLength: 1, maxLength: 3 }),
        fc.array(fc.nat(2), { maxLength: 8 }),
        (all, order) => {
          const reader = new DirectRequestReader('/.well-known/mercure')
          for (const bytes of order.map((index) => all[index % all.length]!)) {
            expect(contentOf(reader.read(bytes, undefined, neverLeaves))).toEqual(
              contentOf(new DirectRequestReader('/.well-known/mercure').read(bytes, undefined, neverLeaves)),
            )
          }
        },
      ),
      { numRuns: 2000 },
    )
  })

  test.each([
    ['is incomplete', `POST ${hubPath} HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na=`],
    [
      'has a second one behind it',
      `GET ${hubPath}?match=a HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n`,
    ],
    ['has a body in chunks', `POST ${hubPath} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`],
    [
      'wants to be asked on',
      `POST ${hubPath} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 0\r\n\r\n`,
    ],
    ['names two hosts', `GET ${hubPath} HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n`],
    ['names none', `GET ${hubPath} HTTP/1.1\r\n\r\n`],
    ['wants the connection closed', `GET ${hubPath} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`],
    ['is for something else', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'],
    [
      'publishes a stream',
      `POST ${hubPath} HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-ndjson\r\nContent-Length: 2\r\n\r\n{}`,
    ],
    [
      'publishes one, however that is written',
      `POST ${hubPath} HTTP/1.1\r\nHost: a\r\nContent-Type: Application/X-NDJSON\r\nContent-Length: 2\r\n\r\n{}`,
    ],
    ['is of HTTP/1.0', `GET ${hubPath} HTTP/1.0\r\nHost: a\r\n\r\n`],
    ['is the beginning of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['has a head of more than 16 KiB', `GET ${hubPath} HTTP/1.1\r\nHost: a\r\nX: ${'x'.repeat(16_384)}\r\n\r\n`],
  ])('is left to the server of Node when it %s', (_why, text) => {
    expect(
      new DirectRequestReader('/.well-known/mercure').read(Buffer.from(text, 'latin1'), undefined, neverLeaves),
    ).toBe(undefined)
  })
})
