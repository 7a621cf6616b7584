import { setTimeout as pause } from 'node:timers/promises'
import { EventSource } from '@headwater/sse/client'
import { createTRPCClient, httpSubscriptionLink } from '@trpc/client'
import type { Reading } from './kinds.ts'
import type { AppRouter } from './routes.ts'

/** Subscribes to a stream: the link comes back by itself, with the last event ID. */
export async function readTrpc(app: string, name: string): Promise<Reading> {
  const client = createTRPCClient<AppRouter>({
    links: [
      httpSubscriptionLink({
        url: `${app}/trpc`,
        EventSource,
        eventSourceOptions: { retry: { reconnectionTimeMs: 50, maxBackoffMs: 500 } } as never,
      }),
    ],
  })
  const tokens: string[] = []
  let lastEventId: string | undefined
  for (;;) {
    const { promise, resolve } = Promise.withResolvers<'complete' | 'incomplete' | 'later'>()
    client.answer.subscribe(
      { name, lastEventId },
      {
        onData({ id, data }) {
          lastEventId = id
          tokens.push(data)
        },
        onComplete: () => resolve('complete'),
        onError: (error) => resolve(error.data?.code === 'UNPROCESSABLE_CONTENT' ? 'incomplete' : 'later'),
      },
    )
    const end = await promise
    if (end !== 'later') return { tokens, isComplete: end === 'complete' }
    await pause(200)
  }
}
