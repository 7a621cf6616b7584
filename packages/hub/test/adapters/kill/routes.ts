import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { CallToolRequestSchema } from '@modelcontextprotocol/sdk/types.js'
import { resumeServerSentEventsResponse } from '@tanstack/ai'
import { initTRPC } from '@trpc/server'
import { fetchRequestHandler } from '@trpc/server/adapters/fetch'
import { z } from 'zod'
import { resumeUIMessageStream } from '../../../src/adapters/ai-sdk/index.ts'
import { hubDurability } from '../../../src/adapters/tanstack-ai/index.ts'
import { trackedStream } from '../../../src/adapters/trpc/index.ts'
import type { Hub } from '../../../src/index.ts'
import { mcpServer } from '../mcp/mcp-server.ts'
import type { FetchHandler } from '../serve-fetch.ts'

/** How an application answers the readers of each library. */
export function appRoutes(hub: Hub): FetchHandler {
  const t = initTRPC.create()
  const router = trpcRouter(t, hub)
  const mcp = mcpServer(hub, {
    retryInterval: 50,
    forgetsSessions: true,
    register: (server) => registerTool(server, hub),
  })
  return async (request) => {
    const { pathname } = new URL(request.url)
    if (pathname.startsWith('/ai/')) {
      const name = decodeURIComponent(pathname.split('/')[2]!)
      return await resumeUIMessageStream(request, hub.stream(name), { replaysEnded: true, onError: () => {} })
    }
    if (pathname === '/tanstack-ai') return resumeServerSentEventsResponse({ adapter: hubDurability(hub, request) })
    if (pathname.startsWith('/trpc/')) {
      return await fetchRequestHandler({ endpoint: '/trpc', req: request, router, createContext: () => ({}) })
    }
    return await mcp.handle(request)
  }
}

function trpcRouter(t: ReturnType<typeof initTRPC.create>, hub: Hub) {
  return t.router({
    answer: t.procedure
      .input(z.object({ name: z.string(), lastEventId: z.string().nullish() }))
      .subscription(({ input: { name, lastEventId }, signal }) =>
        trackedStream(hub.stream(name), { lastEventId, signal }),
      ),
  })
}

export type AppRouter = ReturnType<typeof trpcRouter>

/** A tool that reads a stream: each token is a notification, and the result says how it ended. */
function registerTool(server: McpServer, hub: Hub): void {
  // Without a schema, the arguments are in the request: the SDK has another zod than this package.
  server.server.setRequestHandler(CallToolRequestSchema, async ({ params }, { sendNotification, signal }) => {
    const { name, after } = params.arguments as { name: string; after: string }
    let isComplete = true
    for await (const { id, type, data } of hub.stream(name).read({ after, signal })) {
      if (type === 'message') await sendNotification(tokenNotification({ id, data }))
      else isComplete = false
    }
    return { content: [{ type: 'text', text: isComplete ? 'complete' : 'incomplete' }] }
  })
}

function tokenNotification(data: { id: string; data: string }) {
  return { method: 'notifications/message' as const, params: { level: 'info' as const, data } }
}
