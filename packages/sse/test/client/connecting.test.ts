import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { EventLog } from './event-log.ts'
import { advance, openBody, scriptedFetch, settle, stopClock } from './scripted-fetch.ts'
import { serve, serveSockets, stream } from './stream-server.ts'

afterEach(() => {
  vi.useRealTimers()
})

describe('the request', () => {
  it('is a GET that accepts text/event-stream, wants nothing from a cache, and has no Last-Event-ID', async () => {
    const { origin, requests } = await serve((_, response) => stream(response))
    await new EventLog(`${origin}/path?query#fragment`).count(1)
    const { method, url, headers } = requests[0]!
    expect([method, url]).toEqual(['GET', '/path?query'])
    expect(headers).toMatchObject({ accept: 'text/event-stream', 'cache-control': 'no-cache' })
    expect(headers).not.toHaveProperty('last-event-id')
  })

  it('asks fetch for no-store, and for credentials as withCredentials says', async () => {
    const { fetch, calls } = scriptedFetch(() => openBody().response)
    await new EventLog('http://a.test/', { fetch }).count(1)
    await new EventLog('http://a.test/', { fetch, withCredentials: true }).count(1)
    expect(calls.map(({ init }) => [init.cache, init.credentials])).toEqual([
      ['no-store', undefined],
      ['no-store', 'include'],
    ])
  })

  it('carries the last event ID as UTF-8 bytes when it reconnects', async () => {
    const { origin, requests } = await serve((_, response) => {
      stream(response, 'retry: 1\nid: żółw🐢\ndata: a\n\n').end()
    })
    await new EventLog(origin).until(() => requests.length > 1)
    expect(Buffer.from(requests[1]!.headers['last-event-id'] as string, 'latin1').toString()).toBe('żółw🐢')
  })

  it('carries no Last-Event-ID once an empty id has reset it', async () => {
    const { origin, requests } = await serve((_, response, number) => {
      stream(response, number === 1 ? 'retry: 1\nid: 7\ndata: a\n\n' : 'id\n\n').end()
    })
    await new EventLog(origin).until(() => requests.length > 2)
    expect(requests.slice(0, 3).map(({ headers }) => headers['last-event-id'])).toEqual([undefined, '7', undefined])
  })

  it('carries an id from a block without data', async () => {
    const { origin, requests } = await serve((_, response) => void stream(response, 'retry: 1\nid: 9\n\n').end())
    const log = await new EventLog(origin).until(() => requests.length > 1)
    expect(requests[1]!.headers['last-event-id']).toBe('9')
    expect(log.messages).toEqual([])
  })

  it('carries the last event ID even if later events had none', async () => {
    const { origin, requests } = await serve((_, response) => {
      stream(response, 'retry: 1\nid: 7\ndata: a\n\ndata: b\n\n').end()
    })
    const log = await new EventLog(origin).until(() => requests.length > 1)
    expect(requests[1]!.headers['last-event-id']).toBe('7')
    expect(log.lines.slice(1, 3)).toEqual(['message a #7 @1', 'message b #7 @1'])
  })
})

describe('the response', () => {
  it('of status 200 and type text/event-stream opens, with parameters or without', async () => {
    for (const type of [
      'text/event-stream',
      'text/event-stream;charset=utf-8',
      'text/event-stream; charset=windows-1251',
      'TEXT/Event-Stream',
      'text/event-stream ;x',
      'text/event-stream;',
      'text/html, text/event-stream',
      'text/event-stream; a="b,c"',
      'text/event-stream; x="a, text/html"',
      'text/event-stream; x="a\\", text/html"',
      'text/event-stream; x="a, text/html',
      'text/event-stream, */*',
      'text/event-stream, */*;q=0.1',
      'text/event-stream,',
      ',text/event-stream,,',
      'text/event-stream, html',
      'text/event-stream, text/html x',
      'text/event-stream, text/ht(ml',
      'text/html;x=", a", text/event-stream',
    ]) {
      const log = await new EventLog('http://a.test/', answering(200, type)).count(1)
      expect([type, log.lines]).toEqual([type, ['open @1']])
    }
  })

  it('of any other type fails for good', async () => {
    for (const type of [
      'text/event-streams',
      'text/event-stream, text/html',
      'text/event-streamy;charset=utf-8',
      'text/html',
      'application/json; a=text/event-stream',
      'xtext/event-stream',
      'text/event-stream x',
      'text /event-stream',
      'text/ event-stream',
      '"text/event-stream"',
      'text/event-stream;x="a", text/html',
      'text/event-stream;x="a\\\\", text/html',
      "text/event-stream, a!#$%&'*+-.^_`|~/*",
      'text/html; x="a, text/event-stream"',
      '*/*',
      ',',
      '',
      undefined,
    ]) {
      const log = await new EventLog('http://a.test/', answering(200, type)).closed()
      expect([type, log.lines, log.errors[0]!.code]).toEqual([type, ['error @2'], 'UNEXPECTED_RESPONSE'])
    }
  })

  it('of any other status fails for good, whatever its type', async () => {
    for (const status of [201, 202, 205, 206, 304, 400, 401, 403, 404, 410, 429, 500, 502, 503]) {
      const log = await new EventLog('http://a.test/', answering(status, 'text/event-stream')).closed()
      expect([status, log.lines, log.errors[0]!.status]).toEqual([status, ['error @2'], status])
    }
  })

  it('of status 204 says that the stream is complete', async () => {
    const { origin, requests } = await serve((_, response) => response.writeHead(204).end())
    const log = await new EventLog(origin).closed()
    expect([log.lines, log.errors[0]!.code, requests.length]).toEqual([['error @2'], 'STREAM_COMPLETE', 1])
  })

  it('is decoded as UTF-8 whatever the charset parameter says', async () => {
    const { origin } = await serve((_, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream;charset=iso-8859-1' })
      response.write('data: ż\xff\n\n'.replace('\xff', ''))
      response.write(Buffer.from([0x64, 0x61, 0x74, 0x61, 0x3a, 0xff, 0x0a, 0x0a]))
    })
    const log = await new EventLog(origin).count(3)
    expect(log.messages.map(({ data }) => data)).toEqual(['ż', '\uFFFD'])
  })

  it('that is refused has its body cancelled, and its socket released', async () => {
    const { origin } = await serve((_, response) => {
      released = once(response, 'close')
      response.writeHead(200, { 'content-type': 'text/html' })
      response.write('x'.repeat(10000)) // and does not end
    })
    let released!: Promise<unknown>
    const log = await new EventLog(origin).closed()
    await released
    expect(log.errors[0]!.body).toBe('x'.repeat(4096))
  })

  it('that is refused and never says more is told of after a second', async () => {
    stopClock()
    const body = openBody({ status: 500 })
    const log = new EventLog('http://a.test/', scriptedFetch(body.response))
    body.write('half a ')
    await advance(999)
    expect(log.lines).toEqual([])
    await advance(1)
    expect([log.lines, log.errors[0]!.body, body.cancelled]).toEqual([['error @2'], 'half a ', true])
  })

  it('that is refused and breaks off is told of with what was read', async () => {
    const body = openBody({ status: 500 })
    const log = new EventLog('http://a.test/', scriptedFetch(body.response))
    body.write('half a ')
    await settle()
    body.fail(new Error('cut'))
    await log.closed()
    expect(log.errors[0]).toMatchObject({ status: 500, body: 'half a ' })
  })

  it('without a body ends at once', async () => {
    const answer = new Response(null, { headers: { 'content-type': 'text/event-stream' } })
    const log = await new EventLog('http://a.test/', scriptedFetch(answer)).count(2)
    expect(log.lines).toEqual(['open @1', 'error @0'])
  })
})

describe('redirects', () => {
  for (const status of [301, 302, 303, 307, 308])
    it(`of ${status} are followed; url stays, origin is the final one, and the reconnect starts from there`, async () => {
      const target = await serve((_, response) => void stream(response, 'retry: 1\ndata: a\n\n').end())
      const start = await serve((_, response) => {
        response.writeHead(status, { location: `${target.origin}/final` }).end()
      })
      const log = await new EventLog(`${start.origin}/start`).until(() => target.requests.length > 1)
      expect(log.source.url).toBe(`${start.origin}/start`)
      expect(log.messages[0]!.origin).toBe(target.origin)
      expect([start.requests.length, target.requests[1]!.url]).toEqual([1, '/final'])
    })

  it('without a Location fail for good', async () => {
    const { origin } = await serve((_, response) => response.writeHead(302).end())
    const log = await new EventLog(origin).closed()
    expect([log.lines, log.errors[0]!.status]).toEqual([['error @2'], 302])
  })

  it('to another origin do not make a reconnect take the headers there', async () => {
    const target = await serve((_, response) => void stream(response, 'retry: 1\ndata: a\n\n').end())
    const start = await serve((_, response) => {
      response.writeHead(307, { location: `${target.origin}/final` }).end()
    })
    const log = new EventLog(`${start.origin}/start`, { headers: { authorization: 'Bearer secret' } })
    await log.until(() => target.requests.length > 1)
    expect(start.requests.map(({ headers }) => headers.authorization)).toEqual(['Bearer secret', 'Bearer secret'])
    expect(target.requests.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined])
  })

  it('to another origin do not make a reconnect take there what a custom fetch adds', async () => {
    const target = await serve((_, response) => void stream(response, 'retry: 1\ndata: a\n\n').end())
    const start = await serve((_, response) => {
      response.writeHead(307, { location: `${target.origin}/final` }).end()
    })
    const asked: string[] = []
    const log = new EventLog(`${start.origin}/start`, {
      fetch(url, init) {
        asked.push(url)
        const headers = new Headers(init.headers)
        headers.set('authorization', 'Bearer secret')
        return fetch(url, { ...init, headers })
      },
    })
    await log.until(() => target.requests.length > 1)
    expect(new Set(asked)).toEqual(new Set([`${start.origin}/start`]))
    expect(target.requests.map(({ headers }) => headers.authorization)).toEqual([undefined, undefined])
  })

  it('are followed anew by each reconnect that has headers or a body', async () => {
    const { origin, requests } = await serve((request, response) => {
      if (request.url === '/start') response.writeHead(307, { location: '/final' }).end()
      else stream(response, 'retry: 1\ndata: a\n\n').end()
    })
    await new EventLog(`${origin}/start`, { headers: { 'x-a': '1' } }).until(() => requests.length > 3)
    expect(requests.slice(0, 4).map(({ url }) => url)).toEqual(['/start', '/final', '/start', '/final'])
  })
})

describe('a URL that is neither http nor https', () => {
  it('gives error and CLOSED, later, whatever fetch makes of it', async () => {
    for (const url of ['ftp://a.test/', 'data:text/event-stream,data:a%0a%0a', 'mailto:a@b.test', 'about:blank']) {
      const log = new EventLog(url)
      // Whoever listens only after something awaited without waiting still hears it.
      for (let turn = 0; turn < 50; turn++) await undefined
      expect([log.source.readyState, log.lines]).toEqual([0, []])
      await log.closed()
      expect([url, log.lines]).toEqual([url, ['error @2']])
    }
  })
})

describe('a lost connection', () => {
  it('is made again when the response ends, with readyState CONNECTING and an error event', async () => {
    const { origin, requests } = await serve((_, response) => {
      stream(response, 'retry: 1\ndata: a\n\n').end()
    })
    const log = await new EventLog(origin).count(5)
    expect(log.lines.slice(0, 5)).toEqual(['open @1', 'message a # @1', 'error @0', 'open @1', 'message a # @1'])
    expect(log.errors[0]).toMatchObject({ code: 'STREAM_ENDED', willRetry: true, retryDelayMs: 1 })
    expect(requests.length).toBe(2)
  })

  it('is made again when the response breaks off', async () => {
    const { origin } = await serveSockets((socket) => {
      socket.write(
        'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n' +
          '14\r\nretry: 1\ndata: ab\n\n\n\r\n',
      )
      socket.once('data', () => setImmediate(() => socket.end()))
    })
    const log = await new EventLog(origin).count(5)
    expect(log.lines.slice(0, 4)).toEqual(['open @1', 'message ab # @1', 'error @0', 'open @1'])
    expect(log.errors[0]).toMatchObject({ code: 'NETWORK_ERROR', willRetry: true })
    expect(log.errors[0]!.cause).toBeInstanceOf(Error)
  })

  it('is tried again for as long as nobody listens, every 3 seconds, then resumes with the right id', async () => {
    stopClock()
    const first = openBody()
    const last = openBody()
    const refused = new Error('connect ECONNREFUSED')
    const { fetch, calls } = scriptedFetch(first.response, refused, refused, refused, last.response)
    const log = new EventLog('http://a.test/', { fetch })
    first.write('id: 7\ndata: a\n\n')
    await settle()
    first.end()
    for (let attempt = 1; attempt <= 4; attempt++) {
      await advance(2999)
      expect(calls.length).toBe(attempt)
      await advance(1)
      expect(calls.length).toBe(attempt + 1)
    }
    expect(log.lines).toEqual(['open @1', 'message a #7 @1', 'error @0', 'error @0', 'error @0', 'error @0', 'open @1'])
    expect(calls.map(({ init }) => init.headers.get('last-event-id'))).toEqual([null, '7', '7', '7', '7'])
  })

  it('tells what the network said', async () => {
    const { origin } = await serveSockets((socket) => socket.destroy())
    const log = await new EventLog(origin).count(1)
    expect(log.errors[0]).toMatchObject({ code: 'NETWORK_ERROR', willRetry: true, retryDelayMs: 3000 })
    expect(log.errors[0]!.message).toMatch(/fetch failed.*(closed|reset|hang up)/i)
  })

  it('waits what retry said as soon as its line was read, in the very block that never ended', async () => {
    stopClock()
    const body = openBody()
    const { fetch, calls } = scriptedFetch(body.response)
    const log = new EventLog('http://a.test/', { fetch })
    body.write('retry: 15000\ndata: never dispatched')
    body.end()
    await advance(14999)
    expect(calls.length).toBe(1)
    expect(log.errors[0]!.retryDelayMs).toBe(15000)
    await advance(1)
    expect(calls.length).toBe(2)
  })

  it('keeps the reconnection time over connections, and takes digits only', async () => {
    const first = openBody()
    const second = openBody()
    stopClock()
    const log = new EventLog('http://a.test/', scriptedFetch(first.response, second.response))
    first.write('retry: 20\n')
    await settle()
    first.end()
    await advance(20)
    second.write('retry: +40\nretry: 1e1\nretry: 40 \nretry: -1\nretry\n')
    await settle()
    second.end()
    await settle()
    expect(log.errors.map(({ retryDelayMs }) => retryDelayMs)).toEqual([20, 20])
  })

  it('waits no less than it was told because the number is too large for a timer', async () => {
    stopClock()
    const body = openBody()
    const { fetch, calls } = scriptedFetch(body.response)
    const log = new EventLog('http://a.test/', { fetch })
    body.write('retry: 99999999999999\n')
    await settle()
    body.end()
    await advance(60_000)
    expect(log.errors[0]!.retryDelayMs).toBe(2147483647)
    expect(calls.length).toBe(1)
  })

  it('discards the block that no blank line ended, and its id', async () => {
    const { origin, requests } = await serve((_, response) => {
      stream(response, 'retry: 1\nid: 1\ndata: a\n\nid: 2\ndata: b\n').end()
    })
    const log = await new EventLog(origin).until(() => requests.length > 1)
    expect(log.messages.map(({ data }) => data)).not.toContain('b')
    expect(requests[1]!.headers['last-event-id']).toBe('1')
  })

  it('leaves nothing of its half line, half character, CR or BOM to the next', async () => {
    const pieces = [Buffer.from('retry: 1\ndata: a'), Buffer.from([0x64, 0xe2, 0x82]), Buffer.from('data: x\n\r')]
    const { origin } = await serve((_, response, number) => {
      stream(response, '\uFEFF')
      response.end(pieces[number - 1] ?? '\ndata: whole\n\n')
    })
    const log = await new EventLog(origin).until(({ messages }) => messages.length > 1)
    expect(log.messages.map(({ data }) => data)).toEqual(['x', 'whole'])
  })
})

describe('sockets', () => {
  it('are released by close()', async () => {
    const released: Promise<unknown>[] = []
    const { origin } = await serve((request, response) => {
      released.push(once(request.socket, 'close'))
      stream(response)
    })
    const log = await new EventLog(origin).count(1)
    log.source.close()
    await released[0]
    expect(released.length).toBe(1)
  })

  it('of an open or waiting EventSource keep a Node process alive; a closed one lets it end', async () => {
    const { origin, requests } = await serve((_, response, number) => {
      if (number < 3) stream(response, 'retry: 1\ndata: a\n\n').end()
      else response.writeHead(204).end()
    })
    const script = `
      import { EventSource } from ${JSON.stringify(new URL('../../src/client/index.ts', import.meta.url).href)}
      const source = new EventSource(${JSON.stringify(origin)})
      source.onerror = () => console.log(source.readyState)`
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let output = ''
    child.stdout.on('data', (chunk) => {
      output += chunk
    })
    expect(await once(child, 'exit')).toEqual([0, null])
    expect([output, requests.length]).toEqual(['0\n0\n2\n', 3])
  })
})

/** Options of an EventSource that gets this answer, its body already at its end. */
function answering(status: number, type: string | undefined) {
  return {
    fetch: async () => {
      const response = new Response(null, { headers: type === undefined ? {} : { 'content-type': type } })
      // The constructor refuses some statuses that a server may send.
      return Object.defineProperty(response, 'status', { value: status })
    },
  }
}
