import { setTimeout as pause } from 'node:timers/promises'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import { LoggingMessageNotificationSchema } from '@modelcontextprotocol/sdk/types.js'
import type { Reading } from './kinds.ts'

/** How long a call may be silent before it is made again, in milliseconds: far more than a token takes. */
const silenceMs = 10_000

/**
 * Reads a stream by calls of a tool. The SDK resumes a call over broken connections; a call whose server was killed is
 * made again, in another session, for what follows the last token.
 */
export async function readMcp(app: string, name: string): Promise<Reading> {
  const tokens: string[] = []
  let after = ''
  for (;;) {
    const client = new Client({ name: 'reader', version: '1.0.0' })
    const broken = new AbortController()
    let timer: NodeJS.Timeout | undefined
    const notSilent = () => {
      clearTimeout(timer)
      timer = setTimeout(() => broken.abort(new Error('silent')), silenceMs)
    }
    client.setNotificationHandler(LoggingMessageNotificationSchema, ({ params }) => {
      const { id, data } = params.data as { id: string; data: string }
      if (broken.signal.aborted) return
      notSilent()
      after = id
      tokens.push(data)
    })
    try {
      const transport = new StreamableHTTPClientTransport(new URL(`${app}/mcp`), {
        reconnectionOptions: {
          initialReconnectionDelay: 50,
          maxReconnectionDelay: 200,
          reconnectionDelayGrowFactor: 1.2,
          maxRetries: 50,
        },
      })
      await client.connect(transport as never)
      notSilent()
      transport.onerror = (error) => {
        // The session is gone with its process.
        if (/404|Session not found/.test(error.message)) broken.abort(error)
      }
      const call = { name: 'read', arguments: { name, after } }
      const { content, isError } = await client.callTool(call, undefined, { signal: broken.signal, timeout: 2 ** 30 })
      const [result] = content as { text: string }[]
      if (!isError) return { tokens, isComplete: result?.text === 'complete' }
    } catch {
      // The application is away, the call broke, or there is no such stream yet.
    } finally {
      clearTimeout(timer)
      await client.close().catch(() => {})
    }
    await pause(200)
  }
}
