import process from 'node:process'

/** Nitro stops when its last response has ended, and an event stream does not end by itself. */
export default defineNitroPlugin(() => {
  if (!import.meta.dev) for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => channel.drain())
})
