import { expectTypeOf, test } from 'vitest'
import type { StreamEvent } from '../../src/client/events.ts'
import { type LiveEvents, type LiveSnapshot, liveEvents } from '../../src/live/index.ts'
import { useEvents as useReact } from '../../src/live/react.ts'
import { useEvents as useSvelte } from '../../src/live/svelte.ts'
import { useEvents as useVue } from '../../src/live/vue.ts'
import { defineEvents } from '../../src/protocol/event-map.ts'
import { zodEvents } from '../typed/libraries.ts'

// `tsc -b` checks these; nothing of them runs.
const unchecked = (_: () => unknown) => {}

interface Prices {
  tick: { price: number }
  message: string
}
const events = defineEvents<Prices>()
const url = 'http://a.test/'

test('a snapshot has the events of the map, and text without one', () => {
  unchecked(() => {
    expectTypeOf(liveEvents(url)).toEqualTypeOf<LiveEvents>()
    expectTypeOf(liveEvents(url).getSnapshot().last?.data).toEqualTypeOf<string | undefined>()
    expectTypeOf(liveEvents(url, { events })).toEqualTypeOf<LiveEvents<Prices>>()
    const { last } = liveEvents(url, { events: zodEvents }).getSnapshot()
    if (last?.type === 'tick') expectTypeOf(last.data.at).toEqualTypeOf<Date>()
    // @ts-expect-error data is text, unless a map says otherwise
    liveEvents<{ tick: number }>(url, {})
    // @ts-expect-error a map parses
    liveEvents(url, { parse: { tick: JSON.parse } })
  })
})

test('its value is what reduce begins with, and reduce gets the events of the map', () => {
  unchecked(() => {
    const sum = liveEvents(url, {
      events,
      reduce: (sum, event) => {
        expectTypeOf(event).toEqualTypeOf<StreamEvent<Prices>>()
        return event.type === 'tick' ? sum + event.data.price : sum
      },
      initial: 0,
    })
    expectTypeOf(sum).toEqualTypeOf<LiveEvents<Prices, number>>()
    expectTypeOf(liveEvents(url).getSnapshot().value).toEqualTypeOf<undefined>()
    // @ts-expect-error it has to begin with something
    liveEvents(url, { reduce: (sum: number) => sum + 1 })
    // @ts-expect-error and with what reduce takes
    liveEvents(url, { reduce: (sum: number) => sum + 1, initial: 'none' })
  })
})

test('React gives the snapshot, or what is selected of it', () => {
  unchecked(() => {
    expectTypeOf(useReact(url)).toEqualTypeOf<LiveSnapshot>()
    expectTypeOf(useReact(url, { events })).toEqualTypeOf<LiveSnapshot<Prices>>()
    expectTypeOf(useReact(url, { events, select: ({ state }) => state === 'open' })).toEqualTypeOf<boolean>()
    const total = useReact(url, { reduce: (sum, { data }) => sum + data.length, initial: 0, select: (s) => s.value })
    expectTypeOf(total).toEqualTypeOf<number>()
    expectTypeOf(useReact(url, { events, reduce: (sum) => sum + 1, initial: 0 })).toEqualTypeOf<
      LiveSnapshot<Prices, number>
    >()
    // @ts-expect-error there is no such option
    useReact(url, { event: events })
  })
})

test('Vue gives a ref of each part, and takes refs and getters', () => {
  unchecked(() => {
    const { state, events: list, value } = useVue(() => url, { events, reduce: (sum) => sum + 1, initial: 0 })
    expectTypeOf(state.value).toEqualTypeOf<'connecting' | 'open' | 'closed'>()
    expectTypeOf(list.value).toEqualTypeOf<readonly StreamEvent<Prices>[]>()
    expectTypeOf(value.value).toEqualTypeOf<number>()
    const { last } = useVue(url, () => ({ events, enabled: true }))
    expectTypeOf(last.value).toEqualTypeOf<StreamEvent<Prices> | undefined>()
    expectTypeOf(useVue(url).last.value?.data).toEqualTypeOf<string | undefined>()
  })
})

test('Svelte gives the current snapshot, and takes functions', () => {
  unchecked(() => {
    expectTypeOf(useSvelte(() => url, { events }).current).toEqualTypeOf<LiveSnapshot<Prices>>()
    expectTypeOf(useSvelte(url, () => ({ events, keep: 5 })).current).toEqualTypeOf<LiveSnapshot<Prices>>()
    expectTypeOf(useSvelte(url).current).toEqualTypeOf<LiveSnapshot>()
  })
})
