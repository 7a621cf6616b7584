import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { EventSource, type EventSourceOptions, events } from '@headwater/sse/client'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { awkwardData, floodItems, type Visit } from '../server-cases/routes.ts'
import { describeInstalled } from './describe-installed.ts'
import type { InstalledRuntime } from './runtimes.ts'
import type { ServerProcess } from './server-process.ts'

/** One contract for every way to serve an event stream; `start` starts the server in its runtime. */
export function describeServer(name: string, installed: InstalledRuntime, start: () => Promise<ServerProcess>): void {
  describeInstalled(name, installed, () => describe(name, () => defineTests(name, start)))
}

function defineTests(name: string, start: () => Promise<ServerProcess>): void {
  let server: ServerProcess
  beforeAll(async () => {
    server = await start()
  })
  afterAll(() => server?.stop())

  let tests = 0
  /** A URL of a route, and the way to ask what the server knows of the visits to it. */
  const visit = (route: string) => {
    const of = `${++tests}`
    const visits = async (): Promise<Visit[]> => (await fetch(`${server.url}/visits?of=${of}`)).json()
    return { url: `${server.url}${route}?of=${of}`, visits }
  }

  it('sends the status, the headers and first bytes at once, before any event', async () => {
    const client = await RawClient.get(visit('/quiet').url)
    const head = await client.until('\r\n\r\n')
    expect(head).toMatch(/^HTTP\/1.1 200 OK\r\n/)
    expect(head).toMatch(/^content-type: text\/event-stream\r$/im)
    expect(head).toMatch(/^cache-control: no-cache, no-transform\r$/im)
    expect(head).toMatch(/^x-accel-buffering: no\r$/im)
    expect(await client.until('retry: 2000\n')).toMatch(/(^|\n):/)
    client.leave()
  })

  it('answers HEAD with the headers alone', async () => {
    const response = await fetch(visit('/quiet').url, { method: 'HEAD' })
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    expect(await response.text()).toBe('')
  })

  it('sends a heartbeat whenever the session has been idle', async () => {
    const client = await RawClient.get(visit('/heartbeat').url)
    await client.until('retry: 2000\n')
    for (let heartbeats = 0; heartbeats < 3; heartbeats++) await client.until(':\n')
    client.leave()
  })

  it('knows where a client resumes, by header or by query, and gives it the ID to resume from', async () => {
    const { url } = visit('/resume')
    for (const [from, options] of [
      ['', {}],
      ['42', { lastEventId: '42' }],
      ['é 𝄞', { lastEventId: 'é 𝄞' }],
    ] as const) {
      expect(await first(url, options)).toEqual({ data: `{"resumedFrom":"${from}"}`, lastEventId: 'é€' })
    }
    expect((await first(`${url}&lastEventId=from+the+query`)).data).toBe('{"resumedFrom":"from the query"}')
  })

  it('closes for good: the client stops at once', async () => {
    const { url, visits } = visit('/close')
    const seen: string[] = []
    await new Promise<void>((resolve) => {
      const source = new EventSource(url)
      source.onmessage = ({ data }) => seen.push(data)
      source.onerror = () => {
        seen.push(`error ${source.readyState}`)
        if (source.readyState === source.CLOSED) resolve()
      }
    })
    expect(seen).toEqual(['the only one', 'error 2'])
    expect((await visits()).map(({ reason }) => reason)).toEqual(['closed'])
  })

  it('drains: the client comes back and goes on from the event it had', async () => {
    const { url, visits } = visit('/drain')
    expect(await dataOf(url)).toEqual(['1', '2', '3', '4'])
    expect((await visits()).map(({ lastEventId, reason }) => [lastEventId, reason])).toEqual([
      ['', 'drained'],
      ['1', 'drained'],
      ['2', 'drained'],
      ['3', 'closed'],
    ])
  })

  it('ends a session at its longest duration, and the client goes on from the event it had', async () => {
    const { url, visits } = visit('/max-duration')
    expect(await dataOf(url)).toEqual(['1', '2', '3'])
    expect((await visits()).map(({ reason }) => reason)).toEqual(['max-duration', 'max-duration', 'closed'])
  })

  it('sends all that a generator makes, in order, and closes for good', async () => {
    const { url, visits } = visit('/count')
    expect(await dataOf(url)).toEqual(Array.from({ length: 1000 }, (_, i) => `${i}`))
    expect((await visits()).map(({ reason }) => reason)).toEqual(['closed'])
  })

  it('sends data of any kind so that it arrives as it was, its line ends as LF', async () => {
    const received = await dataOf(visit('/awkward').url)
    expect(received).toEqual(awkwardData.map((data) => data.replace(/\r\n?/g, '\n')))
  })

  it('breaks the response off when its source failed, without what was thrown', async () => {
    const { url, visits } = visit('/failing')
    const received: string[] = []
    const failed = (async () => {
      for await (const { type, data } of events(url, { retry: false })) received.push(`${type} ${data}`)
    })()
    await expect(failed).rejects.toMatchObject({ code: 'NETWORK_ERROR' })
    expect(received).toEqual(['message before'])
    expect(await settled(visits)).toMatchObject([{ reason: 'failed' }])
  })

  it('answers a POST', async () => {
    const received: string[] = []
    for await (const { type, data } of events(visit('/echo').url, { body: 'one two three' })) {
      if (type === 'word') received.push(data)
    }
    expect(received).toEqual(['one', 'two', 'three'])
  })

  it('notices that a client has left, and stops its source', async () => {
    const { url, visits } = visit('/ticks')
    for await (const { data } of events(url)) if (data === '3') break
    expect(await settled(visits, ({ isSourceEnded }) => isSourceEnded)).toMatchObject([{ reason: 'client-left' }])
  })

  it('notices by the next heartbeat that a client has left to which nothing was being sent', async () => {
    const { url, visits } = visit('/heartbeat')
    const client = await RawClient.get(url)
    await client.until('retry: 2000\n')
    client.leave()
    expect(await settled(visits)).toMatchObject([{ reason: 'client-left' }])
  })

  if (name === 'a server in workerd') {
    it('is not told of a client that has left before it writes something', async () => {
      const { url, visits } = visit('/resume')
      const client = await RawClient.get(url)
      await client.until('resumedFrom')
      client.leave()
      for (let i = 0; i < 50; i++) expect(await visits()).toMatchObject([{ reason: null }])
    })
  } else {
    it('notices without a heartbeat that a client has left', async () => {
      const { url, visits } = visit('/resume')
      const client = await RawClient.get(url)
      await client.until('resumedFrom')
      client.leave()
      expect(await settled(visits)).toMatchObject([{ reason: 'client-left' }])
    })
  }

  it('replays from a channel what a client has missed, and goes on with what is new', async () => {
    const { url } = visit('/channel')
    const { data, lastEventId } = await first(url)
    expect(data).toBe('one')
    const replayed: string[] = []
    for await (const { type, data } of events(url, { lastEventId })) {
      if (type === 'message') replayed.push(data)
      if (data === 'welcome back') break
    }
    expect(replayed).toEqual(['two', 'three', 'welcome back'])
  })

  it('makes no more than the client takes', async () => {
    const { url, visits } = visit('/flood')
    const client = await RawClient.get(url)
    await client.until('data: ')
    client.pause()
    // Round trips in which a server that does not wait would get rid of all of it.
    let produced = 0
    for (let i = 0; i < 200; i++) produced = (await visits())[0]!.produced
    expect(produced).toBeLessThan(floodItems)
    client.leave()
    expect(await settled(visits)).toMatchObject([{ reason: 'client-left' }])
  })

  it('has said nothing to standard error through all of this, but what failed', () => {
    // Some runtimes report the one response that broke off, of the source that failed.
    const reported = server.errors().match(/SseError: The session ended before its stream was complete/g) ?? []
    expect(reported.length).toBeLessThanOrEqual(1)
    if (reported.length === 0) expect(server.errors()).toBe('')
  })
}

/** The first event of a stream that is then left. */
async function first(url: string, options: EventSourceOptions = {}): Promise<{ data: string; lastEventId: string }> {
  for await (const { type, data, lastEventId } of events(url, options)) {
    if (type === 'message') return { data, lastEventId }
  }
  throw new Error(`${url} ended without a message`)
}

/** The data of every event until the server says that the stream is complete. */
async function dataOf(url: string): Promise<string[]> {
  const all: string[] = []
  for await (const { data } of events(url)) all.push(data)
  return all
}

/** What the server knows once each visit has come to its end; it is asked until it does. */
async function settled(
  visits: () => Promise<Visit[]>,
  isSettled = ({ reason }: Visit) => reason !== null,
): Promise<Visit[]> {
  let all = await visits()
  while (!all.every(isSettled)) all = await visits()
  return all
}

/** A client that is nothing but a socket: it sees the bytes as they come, and may stop reading. */
class RawClient {
  readonly #socket: Socket
  #received = ''
  #wake: (() => void) | undefined

  static async get(url: string): Promise<RawClient> {
    const { hostname, port, pathname, search, host } = new URL(url)
    const socket = connect({ host: hostname, port: Number(port) })
    await once(socket, 'connect')
    socket.write(`GET ${pathname}${search} HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
    return new RawClient(socket)
  }

  constructor(socket: Socket) {
    this.#socket = socket
    socket.setEncoding('latin1').on('data', (text: string) => {
      this.#received += text
      this.#wake?.()
    })
    // The server may cut the connection once it is left.
    socket.on('error', () => this.#wake?.())
  }

  /** Everything up to and with this text, which the next call does not see any more. */
  async until(text: string): Promise<string> {
    let found = this.#received.indexOf(text)
    while (found < 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve
      })
      found = this.#received.indexOf(text)
    }
    const end = found + text.length
    const taken = this.#received.slice(0, end)
    this.#received = this.#received.slice(end)
    return taken
  }

  pause(): void {
    this.#socket.pause()
  }

  leave(): void {
    this.#socket.destroy()
  }
}
