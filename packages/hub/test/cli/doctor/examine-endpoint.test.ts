import { once } from 'node:events'
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createGzip } from 'node:zlib'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { diagnose } from '../../../src/cli/doctor/diagnose/diagnose.ts'
import { examineEndpoint } from '../../../src/cli/doctor/examine-endpoint.ts'
import type { Finding } from '../../../src/cli/doctor/finding.ts'
import { type EndpointOptions, parseTarget } from '../../../src/cli/doctor/target.ts'
import { createHub } from '../../../src/create-hub.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { startTickingServer } from './ticking-server.ts'

// They wait for most of their time.
vi.setConfig({ maxConcurrency: 16 })

async function serve(listener: RequestListener): Promise<string> {
  const server = createServer((request, response) => {
    response.on('error', () => {})
    listener(request, response)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    server.closeAllConnections()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

async function look(url: string, options: Partial<EndpointOptions> = {}): Promise<readonly Finding[]> {
  return diagnose(await examineEndpoint(parseTarget(url, { header: [], timeout: '4', ...options }), () => {})).findings
}

function complaints(findings: readonly Finding[]): string[] {
  return [
    ...new Set(findings.filter(({ severity }) => severity === 'fault' || severity === 'warning').map(({ id }) => id)),
  ].sort()
}

const head = {
  'content-type': 'text/event-stream',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
}

/** Begins a stream, and writes to it every 200 ms. */
function stream(
  response: ServerResponse,
  write: (count: number) => string | Buffer,
  headers: Record<string, string> = {},
): void {
  response.writeHead(200, { ...head, ...headers })
  response.flushHeaders()
  let count = 0
  const timer = setInterval(() => response.write(write(++count)), 200)
  response.on('close', () => clearInterval(timer))
}

interface Case {
  readonly wrong: string
  readonly listener: RequestListener
  readonly options?: Partial<EndpointOptions>
  readonly named: readonly string[]
}

const origin = 'https://app.example.com'
const tick = (count: number) => `data: ${count}\n\n`

const cases: readonly Case[] = [
  { wrong: 'no status at all', listener: () => {}, named: ['no-answer'] },
  { wrong: 'a status and nothing else', listener: (_, response) => stream(response, () => ''), named: ['silent'] },
  {
    wrong: 'a page in place of a stream',
    listener: (_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<!doctype html>'),
    named: ['content-type'],
  },
  {
    wrong: 'a stream that says that it is text',
    listener: (_, response) => stream(response, tick, { 'content-type': 'text/plain' }),
    named: ['content-type'],
  },
  { wrong: 'status 404', listener: (_, response) => response.writeHead(404).end(), named: ['status'] },
  {
    wrong: 'status 503',
    listener: (_, response) => response.writeHead(503, { 'retry-after': '5' }).end(),
    named: ['status'],
  },
  { wrong: 'status 204', listener: (_, response) => response.writeHead(204).end(), named: ['status-204'] },
  { wrong: 'no credentials', listener: (_, response) => response.writeHead(401).end(), named: ['refused'] },
  {
    wrong: 'Latin-1',
    listener: (_, response) =>
      stream(response, () => Buffer.from('data: grün\n\n', 'latin1'), {
        'content-type': 'text/event-stream; charset=iso-8859-1',
      }),
    named: ['charset', 'not-utf-8'],
  },
  {
    wrong: 'two byte order marks',
    listener: (_, response) => stream(response, (count) => (count === 1 ? '\uFEFF\uFEFF' : '') + tick(count)),
    named: ['bom-twice'],
  },
  {
    wrong: 'a byte order mark in each event',
    listener: (_, response) => stream(response, (count) => `\uFEFF${tick(count)}`),
    named: ['bom-inside'],
  },
  {
    wrong: 'a line break in the data',
    listener: (_, response) => stream(response, () => 'data: one\ntwo\n\n'),
    named: ['unknown-field'],
  },
  {
    wrong: 'retry: soon',
    listener: (_, response) => stream(response, () => 'retry: soon\ndata: 1\n\n'),
    named: ['invalid-retry'],
  },
  { wrong: 'retry: 10', listener: (_, response) => stream(response, () => 'retry: 10\ndata: 1\n\n'), named: ['retry'] },
  {
    wrong: 'retry: an hour',
    listener: (_, response) => stream(response, () => 'retry: 3600000\ndata: 1\n\n'),
    named: ['retry'],
  },
  {
    wrong: 'ids without data',
    listener: (_, response) => stream(response, (count) => `id: 7\n\n${tick(count)}`),
    named: ['id-only-blocks'],
  },
  {
    wrong: 'compression without a flush',
    listener: (request, response) => {
      if (!/gzip/.test(String(request.headers['accept-encoding']))) return stream(response, tick)
      const gzip = createGzip()
      response.writeHead(200, { ...head, 'content-encoding': 'gzip' })
      gzip.pipe(response)
      const timer = setInterval(() => gzip.write(tick(1)), 200)
      response.on('close', () => clearInterval(timer))
    },
    named: ['compression-holds-back'],
  },
  {
    wrong: 'a body that is not what Content-Encoding says',
    listener: (_, response) => stream(response, tick, { 'content-encoding': 'gzip' }),
    named: ['coding-broken'],
  },
  {
    wrong: 'a buffer of 4,096 bytes',
    listener: (_, response) => {
      let buffer = ''
      stream(response, (count) => {
        // 600 bytes each time, so that one in seven goes out.
        buffer += `data: ${String(count).padStart(592, 'x')}\n\n`
        if (buffer.length < 4096) return ''
        const full = buffer.slice(0, 4096)
        buffer = buffer.slice(4096)
        return full
      })
    },
    named: ['buffering'],
  },
  {
    wrong: 'everything at once, with a length',
    listener: (_, response) => response.writeHead(200, { ...head, 'content-length': '9' }).end(tick(1)),
    named: ['content-length', 'ends'],
  },
  {
    wrong: 'a connection that is cut',
    listener: (_, response) => {
      stream(response, tick)
      setTimeout(() => response.destroy(), 1000)
    },
    named: ['cut'],
  },
  {
    wrong: 'a silence that is cut',
    listener: (_, response) => {
      response.writeHead(200, head)
      response.write(tick(1))
      setTimeout(() => response.destroy(), 2500)
    },
    options: { timeout: '1', deep: '60' },
    named: ['cut'],
  },
  {
    wrong: 'a stream that ends',
    listener: (_, response) => {
      stream(response, tick)
      setTimeout(() => response.end(), 1000)
    },
    named: ['ends'],
  },
  {
    wrong: 'a cache',
    listener: (_, response) => stream(response, tick, { age: '30' }),
    named: ['cached'],
  },
  {
    wrong: 'permission to cache',
    listener: (_, response) => stream(response, tick, { 'cache-control': 'public, max-age=60, no-transform' }),
    named: ['cacheable'],
  },
  {
    wrong: 'ids that begin anew with each connection',
    listener: (_, response) => stream(response, (count) => `id: ${count}\ndata: ${count}\n\n`),
    named: ['resume-ignored'],
  },
  {
    wrong: 'a cookie that browsers drop',
    listener: (_, response) => stream(response, tick, { 'set-cookie': 'session=1; SameSite=None' }),
    named: ['cookie'],
  },
  { wrong: 'no CORS', listener: (_, response) => stream(response, tick), options: { origin }, named: ['cors-missing'] },
  {
    wrong: 'CORS for another origin',
    listener: (_, response) => stream(response, tick, { 'access-control-allow-origin': 'https://other.example' }),
    options: { origin },
    named: ['cors-other-origin'],
  },
  {
    wrong: 'CORS with an asterisk for cookies',
    listener: (_, response) => stream(response, tick, { 'access-control-allow-origin': '*' }),
    options: { origin, credentials: true },
    named: ['cors-credentials'],
  },
  {
    wrong: 'CORS by two servers',
    listener: (_, response) => stream(response, tick, { 'access-control-allow-origin': `${origin}, ${origin}` }),
    options: { origin },
    named: ['cors-twice'],
  },
  {
    wrong: 'a preflight that wants a token',
    listener: (request, response) => {
      if (request.headers.authorization === undefined) response.writeHead(401).end()
      else stream(response, tick, { 'access-control-allow-origin': origin })
    },
    options: { origin, header: ['Authorization: Bearer abc'] },
    named: ['preflight'],
  },
  {
    wrong: 'a redirect to itself',
    listener: (_, response) => response.writeHead(302, { location: '/' }).end(),
    named: ['redirect-nowhere', 'status'],
  },
  {
    wrong: 'a redirect that loses the token',
    listener: (request, response) => {
      if (request.url === '/') {
        const { port } = request.socket.address() as AddressInfo
        response.writeHead(302, { location: `http://localhost:${port}/private` }).end()
      } else if (request.headers.authorization === undefined) response.writeHead(401).end()
      else stream(response, tick)
    },
    options: { header: ['Authorization: Bearer abc'] },
    named: ['redirect-loses-credentials'],
  },
  {
    wrong: 'a redirect that makes a GET of a POST',
    listener: (request, response) => {
      if (request.url === '/') response.writeHead(301, { location: '/stream' }).end()
      else if (request.method === 'POST') stream(response, tick)
      else response.writeHead(405).end()
    },
    options: { data: '{"stream":true}' },
    named: ['redirect-loses-body', 'status'],
  },
]

describe('the doctor, in front of any server', () => {
  for (const { wrong, listener, options = {}, named } of cases) {
    test.concurrent(`names ${wrong}`, async ({ onTestFinished }) => {
      const server = createServer((request: IncomingMessage, response) => {
        response.on('error', () => {})
        listener(request, response)
      })
      server.listen(0, '127.0.0.1')
      await once(server, 'listening')
      onTestFinished(() => {
        server.close()
        server.closeAllConnections()
      })
      const findings = await look(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, options)
      expect(complaints(findings)).toEqual([...named].sort())
    })
  }

  test('has nothing to say against one that does all of it', async () => {
    const { address, stop } = await startTickingServer()
    onTestFinished(stop)
    const findings = await look(`http://${address}/`)
    expect(complaints(findings)).toEqual([])
    expect(findings.find(({ id }) => id === 'resume')?.seen).toMatch(/goes on with \d+: nothing is lost/)
  })

  test('gives credentials to nobody whom a redirect names', async () => {
    const seen: unknown[] = []
    const elsewhere = await serve(({ headers }, response) => {
      seen.push(headers.authorization, headers.cookie, headers['x-api-key'])
      response.writeHead(401).end()
    })
    const url = await serve((_, response) => response.writeHead(307, { location: elsewhere }).end())
    await look(url, { header: ['Authorization: Bearer abc', 'Cookie: a=b', 'X-Api-Key: c'] })
    expect(new Set(seen)).toEqual(new Set([undefined]))
  })

  test('sends a POST once, and says what a complete answer was', async () => {
    const bodies: string[] = []
    const url = await serve(async (request, response) => {
      let body = ''
      for await (const chunk of request) body += chunk
      bodies.push(`${request.method} ${request.headers['content-type']} ${body}`)
      response.writeHead(200, head)
      let count = 0
      const timer = setInterval(() => {
        count++
        if (count < 8) response.write(`data: {"choices":[{"delta":{"content":"${count}"}}]}\n\n`)
        else response.end('data: [DONE]\n\n')
        if (count >= 8) clearInterval(timer)
      }, 50)
    })
    const findings = await look(url, { data: '{"stream":true}', header: ['Authorization: Bearer sk-secret'] })
    expect(bodies).toEqual(['POST application/json {"stream":true}'])
    expect(complaints(findings)).toEqual([])
    expect(findings.find(({ id }) => id === 'end')?.seen).toMatch(/complete after .*, with 8 blocks/)
  })

  test('publishes to a hub, comes back, and gets what it missed', async () => {
    const hub = await createHub({ store: createMemoryStore(), subscriptions: true })
    const server = await hub.listen({ host: '127.0.0.1', port: 0 })
    onTestFinished(() => server.close({ deadlineMs: 100 }))
    const url = `${server.url}/.well-known/mercure`
    const findings = await look(`${url}?match=news`, { publishUrl: url })
    expect(complaints(findings)).toEqual([])
    expect(findings.map(({ id }) => id)).toEqual(expect.arrayContaining(['published', 'leaving', 'resume']))
  })

  test('says how the two ways differ', async () => {
    const { address, stop } = await startTickingServer()
    onTestFinished(stop)
    const url = await serve(async (_, response) => {
      response.writeHead(200, head)
      response.flushHeaders()
    })
    const findings = await look(url, { direct: `http://${address}/` })
    expect(findings.find(({ id }) => id === 'buffering')).toMatchObject({
      severity: 'fault',
      seen: expect.stringMatching(
        /^What is in between holds events back: directly the first came after .*, through it nothing/,
      ),
    })
  })

  test.each([
    ['/#here', 'http://127.0.0.1/'],
    ['?a=b', 'http://127.0.0.1/?a=b'],
  ])('reads the URL %s', (suffix, href) => {
    expect(parseTarget(`http://user:pass@127.0.0.1${suffix}`, { header: [] })).toMatchObject({
      url: { href },
      headers: { authorization: `Basic ${Buffer.from('user:pass').toString('base64')}` },
    })
  })
})
