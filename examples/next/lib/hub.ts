// A hub inside a Next.js 16 application: see docs/frameworks.md.
import { createHub, createMemoryStore, type Hub } from 'headwater'

declare global {
  var headwaterHub: Promise<Hub> | undefined
}

/**
 * The one hub of this process, opened when it is first used. Next.js bundles this module several
 * times, for pages, routes and `pages/api`, and `next build` evaluates it too.
 */
export function theHub(): Promise<Hub> {
  globalThis.headwaterHub ??= openHub()
  return globalThis.headwaterHub
}

async function openHub(): Promise<Hub> {
  const hub = await createHub({
    path: '/api/hub',
    // Give it openSqliteStore({ directory: 'data' }), and the history outlives the process.
    store: createMemoryStore({ maxEvents: 1000 }),
    // Only this program publishes; everybody may subscribe to public events.
    authorize: () => ({}),
    // Next.js logs a response that breaks off, as an interrupted stream does, as an error.
    session: { whenInterrupted: 'end' },
  })
  // Next.js stops when the last response has ended, and an event stream does not end by itself.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => hub.close())
  return hub
}
