import { createSubscriber } from 'svelte/reactivity'
import type { EventMap } from '../protocol/event-map.ts'
import { type LiveEvents, liveEvents } from './live-events.ts'
import type { AnyLiveOptions, LiveOptions } from './options.ts'
import type { LiveSnapshot } from './snapshot.ts'
import { shapeOf } from './stream-key.ts'

export type { LiveOptions } from './options.ts'
export type { LiveSnapshot } from './snapshot.ts'

/** What an effect or a template reads: it runs again at the next snapshot. */
export interface CurrentEvents<M extends object = Record<string, string>, T = undefined> {
  readonly current: LiveSnapshot<M, T>
}

/**
 * The events of a stream, for runes (Svelte 5.7 or newer): read `current` in an effect, a `$derived` or
 * a template. It connects when the first of them reads it, and closes a moment after the last is gone. URL
 * and options may be functions that read state: another URL is another stream. All with the same URL
 * and options share one connection. On a server it connects to nothing.
 *
 * For Svelte 4, `liveEvents()` of `@headwater/sse/live` is a store.
 *
 * @throws {SseError} `INVALID_OPTION` when `current` is read, for a wrong name or number. Everything else
 * that goes wrong is the `error` of the snapshot.
 */
export function useEvents<M extends object, T = undefined>(
  url: Reactive<string | URL>,
  options: Reactive<LiveOptions<M, T> & { events: EventMap<object, M> }>,
): CurrentEvents<M, T>
export function useEvents<T = undefined>(
  url: Reactive<string | URL>,
  options?: Reactive<LiveOptions<Record<string, string>, T>>,
): CurrentEvents<Record<string, string>, T>
export function useEvents(
  url: Reactive<string | URL>,
  options: Reactive<object> = {},
): CurrentEvents<Record<string, string>, unknown> {
  let live: LiveEvents<Record<string, string>, unknown> | undefined
  let shape: string
  let leave: (() => void) | undefined
  let update: (() => void) | undefined
  const enter = () => {
    let isFirst = true
    leave = live?.subscribe(() => {
      // That it is subscribed is no news.
      if (!isFirst) update?.()
      isFirst = false
    })
  }
  const track = createSubscriber((changed) => {
    update = changed
    enter()
    return () => {
      leave?.()
      update = undefined
    }
  })
  return {
    get current() {
      const nextUrl = read(url)
      const nextOptions = read(options) as AnyLiveOptions
      const nextShape = `${nextOptions.enabled} ${shapeOf(nextUrl, nextOptions)}`
      if (!live || nextShape !== shape) {
        leave?.()
        live = liveEvents(nextUrl, nextOptions) as LiveEvents<Record<string, string>, unknown>
        shape = nextShape
        if (update) enter()
      } else live.update(nextOptions)
      track()
      return live.getSnapshot()
    },
  }
}

type Reactive<T> = T | (() => T)

function read<T extends object | string>(value: Reactive<T>): T {
  return typeof value === 'function' ? value() : value
}
