import type { ReconnectTrigger } from './options.ts'

/**
 * A hidden page that received a byte within this time is still connected: heartbeats come about
 * every 10 seconds.
 */
const LATELY_MS = 30_000

/**
 * For the option `reconnectOn`: reconnects when the network is back (`online`), when the page is
 * restored from the back/forward cache (`pageshow`), and when it is visible again
 * (`visibilitychange`) after 30 seconds without a byte. Mobile browsers silently end the
 * connections of a page in the background. Does nothing where there are no such events.
 */
export const pageReturn: ReconnectTrigger = (reconnect, signal) => {
  // The window receives all three: the last bubbles up from its document. In Node there is nothing
  // to listen to.
  const listen = (type: string, listener: (event: Event) => void) =>
    globalThis.addEventListener?.(type, listener, { signal })
  listen('online', () => reconnect())
  listen('pageshow', (event) => {
    // Not when the page has just been loaded.
    if ((event as PageTransitionEvent).persisted) reconnect()
  })
  listen('visibilitychange', () => {
    if (!document.hidden) reconnect(LATELY_MS)
  })
}
