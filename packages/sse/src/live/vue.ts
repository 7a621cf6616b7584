import { type ComputedRef, computed, type MaybeRefOrGetter, onScopeDispose, shallowRef, toValue, watch } from 'vue'
import type { EventMap } from '../protocol/event-map.ts'
import { type LiveEvents, liveEvents } from './live-events.ts'
import type { AnyLiveOptions, LiveOptions } from './options.ts'
import type { LiveSnapshot } from './snapshot.ts'
import { shapeOf } from './stream-key.ts'

export type { LiveOptions } from './options.ts'
export type { LiveSnapshot } from './snapshot.ts'

/** Each part of a snapshot as a ref of its own, so that it can be taken apart. */
export type LiveRefs<M extends object = Record<string, string>, T = undefined> = {
  readonly [Name in Exclude<keyof LiveSnapshot<M, T>, 'reconnect'>]: ComputedRef<LiveSnapshot<M, T>[Name]>
} & Pick<LiveSnapshot<M, T>, 'reconnect'>

/**
 * The events of a stream, for a component, or any scope. URL and options may be refs or getters: another
 * URL is another stream. It closes a moment after its scope is disposed of. Scopes with the same URL and
 * options share one connection. On a server it connects to nothing.
 *
 * @throws {SseError} `INVALID_OPTION` for a wrong name or number. Everything else that goes wrong is
 * `error`.
 */
export function useEvents<M extends object, T = undefined>(
  url: MaybeRefOrGetter<string | URL>,
  options: MaybeRefOrGetter<LiveOptions<M, T> & { events: EventMap<object, M> }>,
): LiveRefs<M, T>
export function useEvents<T = undefined>(
  url: MaybeRefOrGetter<string | URL>,
  options?: MaybeRefOrGetter<LiveOptions<Record<string, string>, T>>,
): LiveRefs<Record<string, string>, T>
export function useEvents(
  url: MaybeRefOrGetter<string | URL>,
  options: MaybeRefOrGetter<object> = {},
): LiveRefs<Record<string, string>, unknown> {
  const now = () => [toValue(url), toValue(options) as AnyLiveOptions] as const
  const open = () => liveEvents(...now()) as LiveEvents<Record<string, string>, unknown>
  let live = open()
  let leave: (() => void) | undefined
  const snapshot = shallowRef(live.getSnapshot())
  const enter = () => {
    leave = live.subscribe((next) => {
      snapshot.value = next
    })
  }
  // Not on a server, where no scope ends.
  if (typeof document !== 'undefined') {
    enter()
    watch(
      () => {
        const [nextUrl, nextOptions] = now()
        live.update(nextOptions)
        return `${nextOptions.enabled} ${shapeOf(nextUrl, nextOptions)}`
      },
      () => {
        leave?.()
        live = open()
        enter()
      },
      { flush: 'sync' },
    )
    onScopeDispose(() => leave?.())
  }
  const part = <Name extends keyof typeof snapshot.value>(name: Name) => computed(() => snapshot.value[name])
  return {
    state: part('state'),
    events: part('events'),
    last: part('last'),
    value: part('value'),
    error: part('error'),
    gap: part('gap'),
    reconnect: () => snapshot.value.reconnect(),
  }
}
