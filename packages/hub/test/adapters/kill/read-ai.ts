import { setTimeout as pause } from 'node:timers/promises'
import { ResumableChatTransport } from '../../../src/adapters/ai-sdk-client/index.ts'
import type { Reading } from './kinds.ts'

/** Reads a message as `useChat` does, from its beginning; over broken connections with what follows. */
export async function readAi(app: string, name: string): Promise<Reading> {
  const transport = new ResumableChatTransport({ api: `${app}/ai`, retryMs: 50, maxAttempts: Infinity })
  for (;;) {
    try {
      const chunks = await transport.reconnectToStream({ chatId: name })
      if (chunks) {
        const tokens: string[] = []
        let isComplete = true
        for await (const chunk of chunks) {
          if (chunk.type === 'text-delta') tokens.push(chunk.delta)
          if (chunk.type === 'error' || chunk.type === 'abort') isComplete = false
        }
        return { tokens, isComplete }
      }
    } catch {
      // The application is away.
    }
    await pause(200)
  }
}
