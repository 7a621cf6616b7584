import type { EventMap } from '../protocol/event-map.ts'
import { type AnyLiveOptions, assertLiveOptions, type LiveOptions } from './options.ts'
import { type AnySnapshot, firstSnapshot, SharedStream } from './shared-stream.ts'
import type { LiveSnapshot } from './snapshot.ts'
import { keyOf } from './stream-key.ts'

/** The events of a stream as state: a snapshot, and who wants to hear of the next one. */
export interface LiveEvents<M extends object = Record<string, string>, T = undefined> {
  /** The stream as of the last update: the same object until the next one. */
  readonly getSnapshot: () => LiveSnapshot<M, T>
  /** The snapshot of a server that renders, and of the page until it has taken over: no events yet. */
  readonly getServerSnapshot: () => LiveSnapshot<M, T>
  /**
   * Calls the listener with the snapshot, at once and after each update. The first subscriber opens
   * the connection, in a microtask; `closeDelayMs` after the last has left it closes. Call what it
   * returns to leave.
   */
  readonly subscribe: (listener: (snapshot: LiveSnapshot<M, T>) => void) => () => void
  /** Calls the functions of these options from now on. Other options do not change. */
  readonly update: (options: LiveOptions<M, T>) => void
}

/**
 * The events of a stream as state for a page, whatever draws it: `@headwater/sse/react`, `/vue` and
 * `/svelte` are made of it. It is a store as Svelte has them, and as React's `useSyncExternalStore`
 * takes them.
 *
 * All with the same URL and the same options share one connection, as long as somebody is subscribed.
 * A lost connection is resumed after the last event, as by `events()`.
 *
 * @throws {SseError} `INVALID_OPTION` for a wrong name or number. Everything else that is wrong (a URL,
 * an option of the connection) becomes the `error` of the snapshot, once somebody is subscribed.
 */
export function liveEvents<M extends object, T = undefined>(
  url: string | URL,
  options: LiveOptions<M, T> & { events: EventMap<object, M> },
): LiveEvents<M, T>
export function liveEvents<T = undefined>(
  url: string | URL,
  options?: LiveOptions<Record<string, string>, T>,
): LiveEvents<Record<string, string>, T>
export function liveEvents(url: string | URL, options: object = {}): LiveEvents<Record<string, string>, unknown> {
  let latest = options as AnyLiveOptions
  assertLiveOptions(latest)
  const isEnabled = latest.enabled !== false
  const key = keyOf(url, latest)
  const first: AnySnapshot = firstSnapshot(latest, () => streams.get(key)?.reconnect())
  return {
    getSnapshot: () => streams.get(key)?.snapshot ?? first,
    getServerSnapshot: () => first,
    subscribe(listener) {
      let stream = streams.get(key)
      if (!stream) {
        stream = new SharedStream(url, latest, first, () => streams.delete(key))
        streams.set(key, stream)
      }
      return stream.subscribe(listener, isEnabled)
    },
    update(options) {
      latest = options as AnyLiveOptions
      const stream = streams.get(key)
      if (stream) stream.options = latest
    },
  }
}

/** Those that somebody uses, by their key. */
const streams = new Map<string, SharedStream>()
