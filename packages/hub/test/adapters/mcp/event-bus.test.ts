import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { createMcpHandler, type McpHttpHandler, McpServer, type ServerEventBus } from '@modelcontextprotocol/server'
import { afterEach, beforeEach, describe, expect, expectTypeOf, it } from 'vitest'
import { createMcpEventBus, type McpEventBus, type McpServerEvent } from '../../../src/adapters/mcp/index.ts'
import { createHub, type Hub } from '../../../src/create-hub.ts'
import { createMemoryStore } from '../../../src/store/memory.ts'
import type { EventStore } from '../../../src/store/store.ts'
import { type FetchServer, serveFetch } from '../serve-fetch.ts'

let store: EventStore
let hub: Hub

beforeEach(async () => {
  store = createMemoryStore()
  hub = await createHub({ store, onError: () => {} })
})

afterEach(() => hub.close())

function listening(bus: McpEventBus): { heard: McpServerEvent[]; stop: () => void } {
  const heard: McpServerEvent[] = []
  return { heard, stop: bus.subscribe((event) => heard.push(event)) }
}

describe('an event bus of MCP servers', () => {
  it('is the one of the SDK', () => {
    expectTypeOf<McpEventBus>().toExtend<ServerEventBus>()
  })

  it('tells the listeners of every process, in order, until they stop', async () => {
    const other = await createHub({ store })
    const [first, second] = [createMcpEventBus(hub), createMcpEventBus(other)]
    const [here, there] = [listening(first), listening(second)]
    await expect
      .poll(async () => {
        first.publish({ kind: 'tools_list_changed' })
        await first.settled()
        return there.heard.length
      })
      .toBeGreaterThan(0)
    second.publish({ kind: 'resource_updated', uri: 'file:///a', params: { why: 'it did' } })
    await expect
      .poll(() => here.heard.at(-1))
      .toEqual({
        kind: 'resource_updated',
        uri: 'file:///a',
        params: { why: 'it did' },
      })
    here.stop()
    here.stop()
    const before = here.heard.length
    second.publish({ kind: 'prompts_list_changed' })
    await expect.poll(() => there.heard.at(-1)).toEqual({ kind: 'prompts_list_changed' })
    expect(here.heard).toHaveLength(before)
    first.close()
    second.close()
    await other.close()
  })

  it('separates servers by topic', async () => {
    const [first, second] = ['urn:a', 'urn:b'].map((topic) => createMcpEventBus(hub, { topic })) as [
      McpEventBus,
      McpEventBus,
    ]
    const [here, there] = [listening(first), listening(second)]
    await expect
      .poll(async () => {
        first.publish({ kind: 'tools_list_changed' })
        await first.settled()
        return here.heard.length
      })
      .toBeGreaterThan(0)
    expect(there.heard).toEqual([])
  })

  it('reports a listener that throws, what cannot be read, and a hub that is closed', async () => {
    const errors: unknown[] = []
    const bus = createMcpEventBus(hub, { topic: 'urn:a', onError: (error) => errors.push(error) })
    bus.subscribe(() => {
      throw new Error('a listener')
    })
    const { heard } = listening(bus)
    await expect
      .poll(async () => {
        bus.publish({ kind: 'tools_list_changed' })
        await bus.settled()
        return heard.length
      })
      .toBeGreaterThan(0)
    expect(errors.at(-1)).toMatchObject({ message: 'a listener' })
    await hub.close()
    bus.publish({ kind: 'tools_list_changed' })
    await bus.settled()
    expect(errors.at(-1)).toMatchObject({ code: 'HUB_CLOSED' })
    // @ts-expect-error a name that does not exist
    expect(() => createMcpEventBus(hub, { topics: 'urn:a' })).toThrow(/topic/)
  })
})

describe('a client of the SDK that listens to one of two processes', () => {
  let other: Hub
  let handlers: McpHttpHandler[]
  let buses: McpEventBus[]
  let server: FetchServer
  let client: Client

  beforeEach(async () => {
    other = await createHub({ store })
    buses = [hub, other].map((each) => createMcpEventBus(each))
    handlers = buses.map((bus) =>
      createMcpHandler(
        () => {
          const mcp = new McpServer(
            { name: 'test', version: '1.0.0' },
            { capabilities: { tools: { listChanged: true } } },
          )
          mcp.registerTool('work', {}, () => ({ content: [] }))
          return mcp
        },
        { bus },
      ),
    )
    server = await serveFetch((request) => handlers[0]!.fetch(request))
    client = new Client({ name: 'client', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } })
    await client.connect(new StreamableHTTPClientTransport(new URL(`${server.url}/mcp`)))
  })

  afterEach(async () => {
    await client.close()
    await Promise.all(handlers.map((handler) => handler.close()))
    for (const bus of buses) bus.close()
    await server.close()
    await other.close()
  })

  it('learns what changed in the other', async () => {
    let heard = 0
    client.setNotificationHandler('notifications/tools/list_changed', () => {
      heard++
    })
    const subscription = await client.listen({ toolsListChanged: true })
    handlers[1]!.notify.toolsChanged()
    await expect.poll(() => heard).toBe(1)
    await subscription.close()
  })
})
