import { once } from 'node:events'
import { createServer, type RequestListener } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { freePort } from '../../../../../conformance/runners/free-port.ts'
import { makeCertificate } from '../../certificates.ts'
import { headwater, serveHub, startHub } from '../running.ts'

/** A server of somebody else's, that answers as it is told. */
async function serveForeign(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.closeAllConnections())
  onTestFinished(() => void server.close())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const stream = { 'content-type': 'text/event-stream' }

describe('headwater tail of any server', () => {
  test('prints a stream at any URL, with headers, a method and a body', async () => {
    const requests: unknown[] = []
    const url = await serveForeign(async (req, res) => {
      let body = ''
      for await (const piece of req.setEncoding('utf8')) body += piece
      requests.push([req.method, req.url, req.headers['x-key'], req.headers['content-type'], body])
      res.writeHead(200, stream).end('event: tick\nid: 1\ndata: {"a":1}\n\n')
    })
    const tail = headwater('tail', `${url}/chat?x=1`, '-H', 'x-key: secret', '-d', '{"stream":true}', '--json')
    expect(await tail.ended()).toBe(0)
    expect(tail.stdout).toBe('{"id":"1","type":"tick","data":"{\\"a\\":1}"}\n')
    expect(requests).toEqual([['POST', '/chat?x=1', 'secret', 'application/json', '{"stream":true}']])
    expect(tail.stderr).toMatch(
      /^headwater: connected to http:\/\/127\.0\.0\.1:\d+\/chat\.\nheadwater: the response ended\.\n$/,
    )
  })

  test('says what it does about the connection: broken off, resumed, ended by the server', async () => {
    const ids: unknown[] = []
    const url = await serveForeign((req, res) => {
      ids.push(req.headers['last-event-id'])
      if (ids.length === 3) return void res.writeHead(204).end()
      res.writeHead(200, stream).write(`retry: 1\nid: ${ids.length}\ndata: ${ids.length}\n\n`, () => res.destroy())
    })
    const tail = headwater('tail', `${url}/x`)
    expect(await tail.ended()).toBe(0)
    expect(ids).toEqual([undefined, '1', '2'])
    expect(tail.stdout).toBe('1\n2\n')
    expect(
      tail.stderr
        .replaceAll(url, 'URL')
        .replaceAll(/\d\.\d s/g, 'N s')
        .split('\n'),
    ).toEqual([
      'headwater: connected to URL/x.',
      expect.stringMatching(/^headwater: the connection broke off: .*; retrying in N s, until it answers\.$/),
      'headwater: connected again; resumed after 1.',
      expect.stringMatching(/^headwater: the connection broke off: /),
      'headwater: the server has ended the stream: nothing more will come.',
      '',
    ])
  })

  test('--raw prints the bytes, --quiet says nothing, -n ends, --type leaves out', async () => {
    const bytes = ': hello\nretry: 7\ndata: a\n\nevent: tick\ndata: b\n\nevent: tick\ndata: c\n\n'
    const url = await serveForeign((_, res) => void res.writeHead(200, stream).write(bytes))
    const raw = headwater('tail', `${url}/x`, '--raw', '-q', '-n', '3')
    expect([await raw.ended(), raw.stdout, raw.stderr]).toEqual([0, bytes, ''])
    const typed = headwater('tail', `${url}/x`, '--type', 'tick', '-n', '1')
    expect([await typed.ended(), typed.stdout]).toEqual([0, 'b\n'])
  })

  test.each([
    ['earliest', '"earliest"'],
    ['-3', '-3'],
    ['10m', 'a time (10m)'],
  ])('says that --since %s is not to be had there', async (since, text) => {
    const url = await serveForeign((_, res) => void res.writeHead(200, stream).write(': hello\n\n'))
    const plain = headwater('tail', `${url}/x`, '--since', since)
    expect(await plain.ended()).toBe(1)
    expect(plain.stderr).toContain(`is not a hub of Headwater, and other servers do not know --since ${text}.`)
    // A URL that could be a hub's, of a server that is none.
    const asHub = headwater('tail', url, '--since', since)
    expect(await asHub.ended()).toBe(1)
    expect(asHub.stderr).toMatch(/not a hub of Headwater|needs a hub of Headwater|404/)
  })

  test('sends an ID as it is, also one that looks like something else', async () => {
    const url = await serveForeign((req, res) => {
      res.writeHead(200, stream).write(`data: ${req.headers['last-event-id']}\n\n`)
    })
    for (const [flag, id] of [
      ['--since', '42'],
      ['--last-event-id', '10m'],
      ['--last-event-id', '-3'],
    ] as const) {
      const tail = headwater('tail', `${url}/x`, flag, id, '-n', '1')
      expect([await tail.ended(), tail.stdout]).toEqual([0, `${id}\n`])
    }
  })

  test('a token of the environment goes to a hub, and to nobody else', async () => {
    const sent: unknown[] = []
    const url = await serveForeign((req, res) => {
      sent.push(req.headers.authorization)
      res.writeHead(200, stream).end('data: x\n\n')
    })
    process.env.HEADWATER_TOKEN = 'secret-token'
    onTestFinished(() => {
      delete process.env.HEADWATER_TOKEN
    })
    for (const parameters of [[`${url}/x`], [url], [`${url}/x`, '-t', 'log'], [`${url}/x`, '--token', 'other']]) {
      expect(await headwater('tail', ...parameters, '-n', '1').ended()).toBe(0)
    }
    expect(sent).toEqual([undefined, 'Bearer secret-token', 'Bearer secret-token', 'Bearer other'])
  })
})

describe('headwater tail of what is no event stream', () => {
  test('says what came instead', async () => {
    const url = await serveForeign((req, res) => {
      if (req.url === '/page') res.writeHead(200, { 'content-type': 'text/html' }).end('<p>hello')
      else res.writeHead(403, { 'content-type': 'text/html' }).end('<p>no')
    })
    const page = headwater('tail', `${url}/page`)
    expect([await page.ended(), page.stderr]).toEqual([
      1,
      `headwater: ${url}/page: the server answered with text/html, which is not an event stream.\n`,
    ])
    const refused = headwater('tail', `${url}/other`)
    expect([await refused.ended(), refused.stderr]).toEqual([1, `headwater: ${url}/other refused the request: 403.\n`])
  })

  test('says that a server speaks no HTTP, and does not try again', async () => {
    const server = createTcpServer((socket) => {
      socket.on('error', () => {})
      socket.end('220 mail.example.com ESMTP\r\n')
    }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    const tail = headwater('tail', `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
    expect(await tail.ended()).toBe(1)
    expect(tail.stderr).toMatch(/: the server does not speak HTTP\. Is it the right port\?\n$/)
  })

  test('says that a certificate is wrong, and what to do', async () => {
    const { cert, key } = makeCertificate()
    const server = createTlsServer({ cert, key }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    const tail = headwater('tail', `https://127.0.0.1:${(server.address() as AddressInfo).port}`)
    expect(await tail.ended()).toBe(1)
    expect(tail.stderr).toMatch(/the server's certificate .*\n$/)
    expect(tail.stderr.trim().split('\n')).toHaveLength(1)
  })

  test('says that there is no such host', async () => {
    const tail = headwater('tail', 'http://no-such-host.invalid')
    expect(await tail.ended()).toBe(1)
    expect(tail.stderr).toMatch(/there is no host named no-such-host\.invalid|cannot be looked up/)
  })
})

describe('headwater tail --since, of a hub', () => {
  test('a time: begins with what was stored since', async () => {
    const hub = await startHub()
    for (const data of ['one', 'two']) await headwater('publish', '--hub', hub.url, '-t', 'a', data).ended()
    const some = headwater('tail', hub.url, '--since', '10m', '-n', '2')
    expect([await some.ended(), some.stdout]).toEqual([0, 'one\ntwo\n'])
    const later = headwater('tail', hub.url, '-t', 'a', '--since', new Date(Date.now() + 3_600_000).toISOString())
    await later.said(/connected/, 'stderr')
    await headwater('publish', '--hub', hub.url, '-t', 'a', 'three').ended()
    await later.said(/three/)
    expect(later.stdout).toBe('three\n')
  })

  test('a time needs the right to observe, and says so', async () => {
    const key = 'x'.repeat(32)
    const hub = await serveHub(
      '--anonymous',
      '--publisher-key',
      key,
      '--key-alg',
      'HS256',
      '--issuer',
      'https://a.example',
      '--audience',
      'https://a.example/.well-known/mercure',
    )
    const tail = headwater('tail', hub.url, '--since', '10m')
    expect(await tail.ended()).toBe(1)
    expect(tail.stderr).toContain('--since 10m needs the right to observe: 401')
    expect(tail.stderr).toContain('headwater token --observe')
  })

  test('by URL pattern and topic, and by pretty printing of the history', async () => {
    const hub = await startHub()
    for (const topic of ['https://a.example/1', 'https://a.example/2', 'b', 'c']) {
      await headwater('publish', '--hub', hub.url, '-t', topic, topic).ended()
    }
    const tail = headwater(
      'tail',
      hub.url,
      '--match',
      'https://a.example/:id',
      '-t',
      'b',
      '--since',
      'earliest',
      '-n',
      '3',
      '--pretty',
    )
    expect(await tail.ended()).toBe(0)
    expect(tail.stdout.split('\n').map((line) => line.replace(/ +\S+ +/, ' '))).toEqual([
      expect.stringMatching(/^earlier .*https:\/\/a.example\/1$/),
      expect.stringMatching(/^earlier .*https:\/\/a.example\/2$/),
      expect.stringMatching(/^earlier .*b$/),
      '',
    ])
  })

  test.each(['-0', '-10001', '2027-13-45', 'a\nb', ''])('refuses %j', async (since) => {
    const tail = headwater('tail', `http://127.0.0.1:${await freePort()}`, '--since', since)
    expect(await tail.ended()).toBe(2)
    expect(tail.stderr).toMatch(/^headwater: --since /)
  })
})
