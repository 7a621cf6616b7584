import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import type { ReadableStream as NodeReadableStream } from 'node:stream/web'
import {
  createChannel,
  createResponse,
  createSession,
  type SessionEvent,
  type SessionOptions,
} from '@headwater/sse/server'
import { describe, expect, onTestFinished, test } from 'vitest'
import { publish, type RunningHub, serve } from './running-hub.ts'

// Client libraries as they are published, reading what we send: conformance/readers installs them. `npm run test:readers` takes them,
// and those of other languages, through restarts.

interface Message {
  readonly type?: string | undefined
  readonly data: string
}

interface ReadOptions {
  readonly signal: AbortSignal
  readonly savedId?: string
  readonly init?: RequestInit
}

/** Resolves at what the library takes for the end of the stream, or when the signal ends it; rejects with the library's error. */
type Read = (url: string, hand: (message: Message) => void, options: ReadOptions) => Promise<void>

interface Reader {
  readonly name: string
  /** The type of the events that it reads. */
  readonly type?: string
  /** What says in its protocol that the stream is complete. */
  readonly last?: SessionEvent
  /** How it asks for a generator or a channel; how for a hub's topic. */
  readonly init?: RequestInit
  readonly hubInit?: (topic: string) => RequestInit
  /** Whether it hands its user events of every type, and says that it is an `EventSource`. */
  readonly showsSignals?: boolean
  /** Whether it hands its user gaps too. */
  readonly showsGaps?: boolean
  /** Whether it takes the final end for an event like any other, and has to be told to stop. */
  readonly isEndless?: boolean
  /** Whether it gives its user only data. */
  readonly hidesTypes?: boolean
}

const query = (topic: string): RequestInit => ({
  method: 'QUERY',
  body: new URLSearchParams({ match: topic }).toString(),
  headers: { 'content-type': 'application/x-www-form-urlencoded' },
})

const post: RequestInit = { method: 'POST' }
const oneResponse = { showsGaps: true, hidesTypes: true, init: post }
const anyType = { showsSignals: true, showsGaps: true }
const readers: Reader[] = [
  // Of one response: to a POST, and of a hub to a GET that accepts anything.
  { ...oneResponse, name: 'ai-sdk', last: { data: '[DONE]' } },
  { ...oneResponse, name: 'openai', last: { data: '[DONE]' } },
  { ...oneResponse, name: 'anthropic', type: 'content_block_delta' },
  // It makes its request itself, and refuses types that it does not know.
  { name: 'graphql-sse', type: 'next', last: { type: 'complete', data: '' }, hubInit: query },
  // EventSources: they show the types that somebody listens to.
  { name: 'eventsource' },
  { name: 'undici' },
  { name: 'launchdarkly-eventsource' },
  // EventSources that show every type.
  { ...anyType, name: 'eventsource-client', isEndless: true },
  { ...anyType, name: 'eventsource-parser' },
  { ...anyType, name: 'fetch-event-source' },
  { ...anyType, name: 'fetch-event-source-retrying', isEndless: true },
]

const options: SessionOptions = { retryMs: 20, heartbeatMs: 10 }
const position = { type: 'headwater-position', data: '{}' }
const close = { type: 'headwater-close', data: '{}' }

describe.each(readers)('$name', (reader) => {
  const rows = (...numbers: number[]) =>
    shown(numbers.map((row) => ({ type: reader.type ?? '', data: JSON.stringify({ row }) })))
  const event = (row: number) => ({ data: { row }, ...(reader.type && { type: reader.type }) })
  const signals = (...shown: Message[]) => (reader.showsSignals ? shown : [])
  const whole = [...rows(1, 2, 3), ...signals(close)]

  async function* generate() {
    for (const row of [1, 2, 3]) yield event(row)
    if (reader.last) yield reader.last
  }

  test.each<[string, (req: IncomingMessage, res: ServerResponse) => unknown]>([
    ['createResponse', (req, res) => answerByFetch(req, res, (request) => createResponse(request, options, generate))],
    ['createSession().pipe()', (req, res) => createSession(req, res, options).pipe(generate())],
  ])('reads a generator by %s to its end', async (_, answer) => {
    const url = await listen(answer)
    const { messages, ended } = start(reader, url, reader.init)
    if (reader.isEndless) await untilThereAre(messages, whole.length)
    else await ended
    expect(shown(messages)).toEqual(whole)
  })

  test('reads a channel that is quiet at first', async () => {
    const channel = createChannel()
    const url = await listen(async (req, res) => {
      const session = createSession(req, res, options)
      channel.subscribe(session)
      await session.comment()
      channel.broadcast(event(1))
    })
    const { messages } = start(reader, url)
    const expected = [...signals(position), ...rows(1)]
    await untilThereAre(messages, expected.length)
    expect(shown(messages)).toEqual(expected)
  })

  test("reads a hub's topic: quiet, live, and resumed from a saved ID", async () => {
    const hub = await serve('--store', 'memory:', '--listen', ':0')
    const topic = 'rows'
    const url = new URL('/.well-known/mercure?match=rows', hub.url).href
    const publishRow = (row: number) =>
      publish(hub.url, { topic, data: JSON.stringify({ row }), ...(reader.type && { type: reader.type }) })
    const first = start(reader, url, reader.hubInit?.(topic))
    await untilThereAreSubscribers(hub, 1)
    const saved = await publishRow(1)
    await publishRow(2)
    const live = [...signals(position), ...rows(1, 2)]
    await untilThereAre(first.messages, live.length)
    expect(shown(first.messages)).toEqual(live)
    await first.stop()

    const resumed = start(reader, url, reader.hubInit?.(topic), saved)
    await untilThereAre(resumed.messages, 1)
    await publishRow(3)
    await untilThereAre(resumed.messages, 2)
    expect(shown(resumed.messages)).toEqual(rows(2, 3))
    await resumed.stop()

    // graphql-sse never asks to resume, and would refuse a gap.
    if (reader.name === 'graphql-sse') return
    const lost = start(reader, url, reader.hubInit?.(topic), 'unknown')
    const gap = { type: 'headwater-gap', data: expect.stringContaining('"reason":"unknown","requested":"unknown"') }
    const expected = [...shown(reader.showsGaps ? [gap] : []), ...rows(1, 2, 3)]
    await untilThereAre(lost.messages, expected.length)
    expect(shown(lost.messages)).toEqual(expected)
    await lost.stop()
  })

  /** Messages as the library shows them: libraries differ in what they call an event without a type. */
  function shown(messages: readonly Message[]): Message[] {
    return messages.map(({ type, data }) =>
      reader.hidesTypes || type === '' || type === 'message' ? { data } : { type, data },
    )
  }
})

/** Starts a reader, which is stopped with the test. An error of the library fails whoever waits for it. */
function start({ name }: Reader, url: string, init: RequestInit = {}, savedId?: string) {
  const messages: Message[] = []
  const controller = new AbortController()
  const ended = load(name).then((read) =>
    read(url, (message) => messages.push(message), { signal: controller.signal, init, ...(savedId && { savedId }) }),
  )
  const stop = async () => {
    controller.abort()
    await ended.catch((error: unknown) => {
      if (!(error instanceof Error && error.name === 'AbortError')) throw error
    })
  }
  onTestFinished(stop)
  return { messages, ended, stop }
}

async function load(name: string): Promise<Read> {
  // They are JavaScript, as their users write it.
  const { read } = (await import(new URL(`../conformance/readers/javascript/${name}.mjs`, import.meta.url).href)) as {
    read: Read
  }
  return read
}

async function untilThereAre(messages: readonly Message[], count: number): Promise<void> {
  await expect.poll(() => messages.length, { interval: 5 }).toBeGreaterThanOrEqual(count)
}

async function untilThereAreSubscribers({ url }: RunningHub, count: number): Promise<void> {
  const metrics = async () => (await fetch(new URL('/metrics', url))).text()
  await expect.poll(metrics, { interval: 5 }).toMatch(new RegExp(`^headwater_subscribers ${count}$`, 'm'))
}

/** Serves every request by `answer` on a port of its own, for the length of a test. */
async function listen(answer: (req: IncomingMessage, res: ServerResponse) => unknown): Promise<string> {
  const server = createServer(answer)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`
}

/** The least of an adapter from Node's http to Fetch. */
async function answerByFetch(req: IncomingMessage, res: ServerResponse, handle: (request: Request) => Response) {
  const left = new AbortController()
  res.on('close', () => left.abort())
  const { url = '/', method = 'GET' } = req
  const headers = req.headers as Record<string, string>
  const response = handle(new Request(new URL(url, 'http://127.0.0.1'), { method, headers, signal: left.signal }))
  res.writeHead(response.status, Object.fromEntries(response.headers))
  if (!response.body) return void res.end()
  const body = Readable.fromWeb(response.body as NodeReadableStream, { highWaterMark: 0 })
  body.on('error', () => res.destroy())
  res.on('close', () => body.destroy())
  body.pipe(res)
}
