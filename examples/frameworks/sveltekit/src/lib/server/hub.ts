import { createHub, type Hub, openSqliteStore } from 'headwater'
import { dev } from '$app/env'

declare global {
  var headwaterHub: Promise<Hub> | undefined
}

/**
 * The one hub of this process, opened when it is first used: the build evaluates this module, too, and
 * `vite dev` evaluates it anew after each change.
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
  })
  // adapter-node stops when the last response has ended, and cuts off what is left after SHUTDOWN_TIMEOUT, 30 s.
  if (!dev) for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => hub.close())
  return hub
}
