'use client'

import { useEffect, useMemo, useSyncExternalStore } from 'react'
import type { EventMap } from '../protocol/event-map.ts'
import { liveEvents } from './live-events.ts'
import type { AnyLiveOptions, LiveOptions } from './options.ts'
import type { LiveSnapshot } from './snapshot.ts'
import { shapeOf } from './stream-key.ts'

export type { LiveOptions } from './options.ts'
export type { LiveSnapshot } from './snapshot.ts'

/** The options of {@link useEvents}. */
export type UseEventsOptions<
  M extends object = Record<string, string>,
  T = undefined,
  S = LiveSnapshot<M, T>,
> = LiveOptions<M, T> & {
  /**
   * What the component needs of the snapshot: it renders again only if this is another value (by
   * `Object.is`). Default: all of it.
   */
  select?: ((snapshot: LiveSnapshot<M, T>) => S) | undefined
}

/**
 * The events of a stream, for a component. It connects when it is mounted, resumes after what breaks
 * the connection, and closes a moment after it is unmounted. Components with the same URL and options
 * share one connection. On a server it connects to nothing.
 *
 * A component is not rendered for each event, but at most about once a frame.
 *
 * @throws {SseError} `INVALID_OPTION` while rendering, for a wrong name or number. Everything else that
 * goes wrong is the `error` of the snapshot.
 */
export function useEvents<M extends object, T = undefined, S = LiveSnapshot<M, T>>(
  url: string | URL,
  options: UseEventsOptions<M, T, S> & { events: EventMap<object, M> },
): S
export function useEvents<T = undefined, S = LiveSnapshot<Record<string, string>, T>>(
  url: string | URL,
  options?: UseEventsOptions<Record<string, string>, T, S>,
): S
export function useEvents(url: string | URL, given: object = {}): unknown {
  const { select, ...options } = given as AnyLiveOptions & { select?: (snapshot: unknown) => unknown }
  const shape = `${options.enabled} ${shapeOf(url, options)}`
  // Only another shape makes it another stream: what is not in it is followed below.
  // biome-ignore lint/correctness/useExhaustiveDependencies: see above
  const live = useMemo(() => liveEvents(url, options), [shape])
  useEffect(() => live.update(options))
  const [snapshot, serverSnapshot] = useMemo(
    () => [selecting(live.getSnapshot, select), selecting(live.getServerSnapshot, select)],
    [live, select],
  )
  return useSyncExternalStore(live.subscribe, snapshot, serverSnapshot)
}

/** Selects once of each snapshot, so that a selection that is made anew each time does not seem to change. */
function selecting<S>(get: () => S, select: ((snapshot: S) => unknown) | undefined): () => unknown {
  if (!select) return get
  let from: S
  let selected: unknown
  return () => {
    const snapshot = get()
    if (snapshot !== from) {
      from = snapshot
      selected = select(snapshot)
    }
    return selected
  }
}
