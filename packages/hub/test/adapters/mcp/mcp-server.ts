import { randomUUID } from 'node:crypto'
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/webStandardStreamableHttp.js'
import { createMcpEventStore } from '../../../src/adapters/mcp/index.ts'
import type { Hub } from '../../../src/create-hub.ts'

export interface McpTestServer {
  /** Answers requests to the MCP endpoint. */
  readonly handle: (request: Request) => Promise<Response>
  readonly sessions: ReadonlyMap<string, McpServer>
  /** What the transports report. */
  readonly errors: Error[]
  close(): Promise<void>
}

export interface McpTestServerOptions {
  /** The reconnection time that clients are told, in milliseconds. */
  readonly retryInterval?: number
  /** Whether clients of a process that was killed have to begin again, as the SDK has it. Default: restores them. */
  readonly forgetsSessions?: boolean
  /** Registers the tools of a session. */
  readonly register: (server: McpServer) => void
}

/** An MCP server with a session for each client, as an application has it. */
export function mcpServer(
  hub: Hub,
  { retryInterval = 5, forgetsSessions = false, register }: McpTestServerOptions,
): McpTestServer {
  const sessions = new Map<string, McpServer>()
  const transports = new Map<string, WebStandardStreamableHTTPServerTransport>()
  const errors: Error[] = []

  async function open(sessionId: string): Promise<WebStandardStreamableHTTPServerTransport> {
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: () => sessionId,
      eventStore: createMcpEventStore(hub, { sessionId }),
      retryInterval,
    })
    const server = new McpServer({ name: 'test', version: '1.0.0' }, { capabilities: { logging: {}, tools: {} } })
    register(server)
    transport.onerror = (error) => errors.push(error)
    await server.connect(transport as never)
    transports.set(sessionId, transport)
    sessions.set(sessionId, server)
    return transport
  }

  return {
    sessions,
    errors,

    async handle(request) {
      const sessionId = request.headers.get('mcp-session-id')
      const known = sessionId === null ? undefined : transports.get(sessionId)
      if (known) return await known.handleRequest(request)
      if (sessionId === null) return await (await open(randomUUID())).handleRequest(request)
      if (forgetsSessions) return new Response('Session not found', { status: 404 })
      // A session from before a restart: the same transport is set up by an initialization as its client's.
      const transport = await open(sessionId)
      const restored = await transport.handleRequest(initialization(request.url))
      await restored.text()
      return await transport.handleRequest(request)
    },

    async close() {
      await Promise.all(Array.from(transports.values(), (transport) => transport.close()))
    },
  }
}

function initialization(url: string): Request {
  return new Request(url, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'application/json, text/event-stream' },
    body: JSON.stringify({
      jsonrpc: '2.0',
      id: 'restored',
      method: 'initialize',
      params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'restored', version: '0' } },
    }),
  })
}
