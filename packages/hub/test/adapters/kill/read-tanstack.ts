import { setTimeout as pause } from 'node:timers/promises'
import { EventType } from '@tanstack/ai'
import { fetchServerSentEvents } from '@tanstack/ai-client'
import { type Reading, runIdOf } from './kinds.ts'

/** Joins a run as TanStack's client does. What it gives up on, a page that is loaded again reads from the beginning. */
export async function readTanStack(app: string, name: string): Promise<Reading> {
  const connection = fetchServerSentEvents(`${app}/tanstack-ai`, { reconnect: { delayMs: 50, maxAttempts: 100 } })
  for (;;) {
    try {
      const tokens: string[] = []
      for await (const chunk of connection.joinRun(runIdOf(name))) {
        if (chunk.type === EventType.TEXT_MESSAGE_CONTENT) tokens.push(chunk.delta)
        if (chunk.type === EventType.RUN_FINISHED) return { tokens, isComplete: true }
        if (chunk.type === EventType.RUN_ERROR && /before it was complete|was stopped/.test(chunk.message)) {
          return { tokens, isComplete: false }
        }
      }
    } catch {
      // The application is away, or the run has not begun.
    }
    await pause(200)
  }
}
