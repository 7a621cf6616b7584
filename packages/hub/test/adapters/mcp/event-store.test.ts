import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type { EventStore } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import { LoggingMessageNotificationSchema } from '@modelcontextprotocol/sdk/types.js'
import type { EventStore as EventStore2 } from '@modelcontextprotocol/server'
import { afterEach, beforeEach, describe, expect, expectTypeOf, it } from 'vitest'
import { createMcpEventStore, type McpEventStore } from '../../../src/adapters/mcp/index.ts'
import { createHub, type Hub } from '../../../src/create-hub.ts'
import { everyTopic } from '../../../src/matching/matcher.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import { openSqliteStore } from '../../../src/store/sqlite.ts'
import { startEdge, startOrigin } from '../../store/upstream/edge-hubs.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'
import { type FetchServer, serveFetch } from '../serve-fetch.ts'
import { type McpTestServer, mcpServer } from './mcp-server.ts'

const message = (text: string) => ({ jsonrpc: '2.0', method: 'notifications/message', params: { data: text } })

async function replayed(store: McpEventStore, lastEventId: string) {
  const texts: string[] = []
  const ids: string[] = []
  const streamId = await store.replayEventsAfter(lastEventId, {
    async send(id, { params }) {
      ids.push(id)
      texts.push(params.data)
    },
  })
  return { streamId, texts, ids }
}

describe('the event store of an MCP session', () => {
  let hub: Hub
  let store: McpEventStore

  beforeEach(async () => {
    hub = await createHub({ store: createMemoryStore(), onError: () => {} })
    store = createMcpEventStore(hub, { sessionId: 'session' })
  })

  afterEach(() => hub.close())

  it('is an EventStore of both SDKs', () => {
    expectTypeOf<McpEventStore>().toExtend<EventStore>()
    expectTypeOf<McpEventStore>().toExtend<EventStore2>()
  })

  it('replays what its stream had after an event, in order, with the same IDs', async () => {
    const ids: string[] = []
    for (const text of ['one', 'two', 'three']) {
      ids.push(await store.storeEvent('a.b/~c', message(text)))
      await store.storeEvent('another', message(`not ${text}`))
    }
    expect(await replayed(store, ids[0]!)).toEqual({
      streamId: 'a.b/~c',
      texts: ['two', 'three'],
      ids: ids.slice(1),
    })
    expect(await replayed(store, ids[2]!)).toEqual({ streamId: 'a.b/~c', texts: [], ids: [] })
  })

  it('shows no session what another had, though their streams have the same name', async () => {
    const other = createMcpEventStore(hub, { sessionId: 'other' })
    const own = await store.storeEvent('_GET_stream', message('one'))
    const foreign = await other.storeEvent('_GET_stream', message('secret'))
    await store.storeEvent('_GET_stream', message('two'))
    expect(await replayed(store, own)).toMatchObject({ texts: ['two'] })
    await expect(replayed(store, foreign)).rejects.toMatchObject({ code: 'INVALID_EVENT_ID' })
  })

  it('keeps the ID of a session out of topics and event IDs', async () => {
    const secret = 'b5d1a2c8-0000-4000-8000-secret'
    const id = await createMcpEventStore(hub, { sessionId: secret }).storeEvent('stream', message('one'))
    expect(id).not.toContain(secret)
    const view = { matchers: [everyTopic], rights: [] }
    const { events: stored } = await hub.observed.page(view, { after: 0 }, 9)
    expect(stored).toHaveLength(1)
    expect(stored[0]?.private).toBe(true)
    expect(stored[0]?.topics.join()).not.toContain(secret)
  })

  it('refuses IDs that nobody gave', async () => {
    for (const id of ['', 'x', '_GET_stream_1_abc', 'a.b.c', '%.%.%']) {
      await expect(replayed(store, id)).rejects.toMatchObject({ code: 'INVALID_EVENT_ID' })
    }
    const id = await store.storeEvent('stream', message('one'))
    const own = id.split('.')[0]
    await expect(replayed(store, `${own}.stream.nothing`)).rejects.toMatchObject({ code: 'INVALID_EVENT_ID' })
  })

  it('says so when messages are no longer kept', async () => {
    const small = await createHub({ store: createMemoryStore({ maxEvents: 2 }) })
    const short = createMcpEventStore(small, { sessionId: 'session' })
    const first = await short.storeEvent('stream', message('one'))
    for (const text of ['two', 'three', 'four', 'five']) await short.storeEvent('stream', message(text))
    await expect(replayed(short, first)).rejects.toMatchObject({ code: 'STREAM_GONE' })
    await small.close()
  })

  it('holds back what is stored during a replay until the transport has the connection', async () => {
    const first = await store.storeEvent('stream', message('one'))
    await store.storeEvent('stream', message('two'))
    const order: string[] = []
    let storing: Promise<unknown> | undefined
    const replaying = store.replayEventsAfter(first, {
      async send() {
        storing ??= store.storeEvent('stream', message('three')).then(() => order.push('stored'))
        // Of another stream, which nobody replays.
        await store.storeEvent('another', message('other'))
      },
    })
    await replaying.then(() => order.push('replayed'))
    await storing
    expect(order).toEqual(['replayed', 'stored'])
  })

  it('replays what this process stored, though the copy of its hub may not have it yet', async () => {
    const origin = await startOrigin(temporaryDirectory(), 0)
    const { hub: edge } = await startEdge(origin.url)
    const session = createMcpEventStore(edge, { sessionId: 'session' })
    for (let round = 0; round < 30; round++) {
      const first = await session.storeEvent('stream', message('one'))
      await session.storeEvent('stream', message('two'))
      expect(await replayed(session, first)).toMatchObject({ texts: ['two'] })
    }
  })

  it('refuses a session without an ID, and options that do not exist', () => {
    expect(() => createMcpEventStore(hub, { sessionId: '' })).toThrow(/sessionIdGenerator/)
    // @ts-expect-error a name that does not exist
    expect(() => createMcpEventStore(hub, { sessionId: 'a', session: 'b' })).toThrow(/sessionId/)
  })
})

describe('an MCP client of the SDK', () => {
  let close: () => Promise<void>
  let hub: Hub
  let mcp: McpTestServer
  let server: FetchServer
  let client: Client
  let heard: string[]
  /** The calls that are under way, to be continued by the test. */
  let calls: { say: (text: string) => Promise<void>; closeStream: () => void; finish: (text: string) => void }[]

  async function serve(directory: string): Promise<void> {
    const store = await openSqliteStore({ directory })
    hub = await createHub({ store, onError: () => {} })
    mcp = mcpServer(hub, {
      register(server) {
        server.registerTool('work', {}, async ({ sendNotification, closeSSEStream }) => {
          const { promise, resolve } = Promise.withResolvers<string>()
          const say = (data: string) =>
            sendNotification({ method: 'notifications/message', params: { level: 'info', data } })
          calls.push({ say, closeStream: () => closeSSEStream?.(), finish: resolve })
          return { content: [{ type: 'text', text: await promise }] }
        })
      },
    })
    server.handler = (request) => mcp.handle(request)
    close = async () => {
      server.handler = undefined
      server.cut()
      await mcp.close()
      await hub.close()
      await store.close()
    }
  }

  async function connect(): Promise<void> {
    client = new Client({ name: 'client', version: '1.0.0' })
    client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => {
      heard.push(String(params.data))
    })
    const reconnectionOptions = {
      initialReconnectionDelay: 5,
      maxReconnectionDelay: 50,
      reconnectionDelayGrowFactor: 1.5,
      maxRetries: 100,
    }
    await client.connect(
      new StreamableHTTPClientTransport(new URL(`${server.url}/mcp`), { reconnectionOptions }) as never,
    )
  }

  let directory: string

  beforeEach(async () => {
    heard = []
    calls = []
    directory = temporaryDirectory()
    server = await serveFetch(() => new Response())
    await serve(directory)
    await connect()
  })

  afterEach(async () => {
    await client.close()
    await close()
    await server.close()
  })

  const work = () => client.callTool({ name: 'work' }, undefined, { timeout: 100_000 })

  it('gets the rest of a call whose connection broke', async () => {
    const result = work()
    await expect.poll(() => calls.length).toBe(1)
    const [call] = calls
    await call!.say('one')
    await expect.poll(() => heard).toEqual(['one'])
    server.cut()
    await call!.say('two')
    await call!.say('three')
    call!.finish('done')
    expect(await result).toMatchObject({ content: [{ text: 'done' }] })
    expect(heard).toEqual(['one', 'two', 'three'])
  })

  it('gets the result of a call whose stream the server closed, by polling', async () => {
    const result = work()
    await expect.poll(() => calls.length).toBe(1)
    const [call] = calls
    call!.closeStream()
    await call!.say('one')
    call!.finish('done')
    expect(await result).toMatchObject({ content: [{ text: 'done' }] })
    expect(heard).toEqual(['one'])
  })

  it('gets each message once, whatever is said while it reconnects', async () => {
    const result = work()
    await expect.poll(() => calls.length).toBe(1)
    const [call] = calls
    const said: string[] = []
    for (let index = 0; index < 60; index++) {
      if (index % 7 === 3) {
        // The SDK's client forgets its last event ID on a connection that breaks before it had an event.
        await expect.poll(() => heard).toEqual(said)
        server.cut()
      }
      said.push(String(index))
      await call!.say(String(index))
    }
    call!.finish('done')
    expect(await result).toMatchObject({ content: [{ text: 'done' }] })
    expect(heard).toEqual(said)
  })

  it('gets what its session was sent, after the server was restarted', async () => {
    const sessionId = [...mcp.sessions.keys()][0]!
    const notify = (data: string) => mcp.sessions.get(sessionId)!.sendLoggingMessage({ level: 'info', data })
    await expect.poll(() => server.requests.filter(({ method }) => method === 'GET').length).toBe(1)
    await notify('before')
    await expect.poll(() => heard).toEqual(['before'])
    server.handler = undefined
    server.cut()
    await notify('while away')
    await close()
    await serve(directory)
    await expect.poll(() => heard).toEqual(['before', 'while away'])
    await notify('after')
    await expect.poll(() => heard).toEqual(['before', 'while away', 'after'])
  })

  it('is refused an ID of another session, and its server learns why', async () => {
    const foreign = await createMcpEventStore(hub, { sessionId: 'other' }).storeEvent('_GET_stream', message('secret'))
    const response = await fetch(`${server.url}/mcp`, {
      headers: {
        accept: 'text/event-stream',
        'mcp-session-id': [...mcp.sessions.keys()][0]!,
        'last-event-id': foreign,
      },
    })
    expect(response.status).toBe(500)
    expect(await response.json()).toMatchObject({ error: { message: 'Error replaying events' } })
    expect(mcp.errors.at(-1)?.message).toMatch(/is not of this session/)
  })
})
