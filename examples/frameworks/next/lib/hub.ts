import { createHub, type Hub, openSqliteStore } from 'headwater'

declare global {
  var headwaterHub: Promise<Hub> | undefined
}

/**
 * The one hub of this process, opened when it is first used. Next.js bundles this module several
 * times, for pages, routes and actions, and `next build` evaluates it, too.
 */
export function theHub(): Promise<Hub> {
  globalThis.headwaterHub ??= openHub()
  return globalThis.headwaterHub
}

async function openHub(): Promise<Hub> {
  const hub = await createHub({
    path: '/api/hub',
    store: await openSqliteStore({ directory: 'headwater-data' }),
    // Only this program publishes; everybody may subscribe to public events.
    authorize: () => ({}),
    // Next.js logs a response that breaks off, as an interrupted stream does, as an error: let it end.
    session: { whenInterrupted: 'end' },
    // Next.js removes Content-Encoding from what a route answers, and so nobody could read what is compressed.
    compression: false,
  })
  // Next.js stops when the last response has ended, and an event stream does not end by itself.
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => hub.close())
  return hub
}
