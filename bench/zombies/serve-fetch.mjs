import { host } from './feed.mjs'

/** Serves a fetch handler as each runtime does by itself; in Node by the adapter of Hono. */
export async function serveFetch(fetch) {
  if (globalThis.Bun) console.log(`port ${Bun.serve({ fetch, port: 0, hostname: host, idleTimeout: 0 }).port}`)
  else if (globalThis.Deno) {
    Deno.serve({ port: 0, hostname: host, onListen: ({ port }) => console.log(`port ${port}`) }, fetch)
  } else {
    const { serve } = await import('@hono/node-server')
    serve({ fetch, port: 0, hostname: host }, ({ port }) => console.log(`port ${port}`))
  }
}
