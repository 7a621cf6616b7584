import type { ReconnectTrigger } from './options.ts'

/** A page that was hidden is connected still if it heard something so lately; a heartbeat is due every 10 seconds or so. */
const LATELY_MS = 30_000

/**
 * For the option `reconnectOn`: reconnects when the network is back (`online`), when the page was restored from the
 * back/forward cache (`pageshow`), and when it is visible again (`visibilitychange`) after 30 seconds without a byte. Mobile
 * browsers end the connections of a page in the background without telling it. Where there are no such events, does nothing.
 */
export const pageReturn: ReconnectTrigger = (reconnect, signal) => {
  // The window hears all three: the last bubbles up from its document. In Node there is nothing to listen to.
  const listen = (type: string, listener: (event: Event) => void) =>
    globalThis.addEventListener?.(type, listener, { signal })
  listen('online', () => reconnect())
  listen('pageshow', (event) => {
    // Not when the page was just loaded.
    if ((event as PageTransitionEvent).persisted) reconnect()
  })
  listen('visibilitychange', () => {
    if (!document.hidden) reconnect(LATELY_MS)
  })
}
