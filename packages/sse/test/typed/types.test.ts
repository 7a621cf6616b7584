import { expectTypeOf, test } from 'vitest'
import { EventSource } from '../../src/client/event-source.ts'
import { type EventStream, events } from '../../src/client/events.ts'
import { defineEvents, type EventMap } from '../../src/protocol/event-map.ts'
import type { Channel } from '../../src/server/channel.ts'
import { createChannels } from '../../src/server/channels.ts'
import { createChannel } from '../../src/server/create-channel.ts'
import { createResponse } from '../../src/server/fetch.ts'
import { createSession } from '../../src/server/node.ts'
import type { Session } from '../../src/server/session.ts'
import { type arktypeEvents, type Given, type Got, type valibotEvents, zodEvents } from './libraries.ts'

// `tsc -b` checks these; nothing of them runs.
const unchecked = (_: () => unknown) => {}
const never = undefined as never

interface Prices {
  tick: { price: number }
  message: string
}

test('a map infers what senders give and receivers get from the schemas of each library', () => {
  expectTypeOf<InputOf<typeof zodEvents>>().toEqualTypeOf<Given>()
  expectTypeOf<InputOf<typeof valibotEvents>>().toEqualTypeOf<Given>()
  expectTypeOf<InputOf<typeof arktypeEvents>>().toEqualTypeOf<Given>()
  expectTypeOf<OutputOf<typeof zodEvents>>().toEqualTypeOf<Got>()
  expectTypeOf<OutputOf<typeof valibotEvents>>().toEqualTypeOf<Got>()
  expectTypeOf<OutputOf<typeof arktypeEvents>>().toEqualTypeOf<Got>()
  expectTypeOf(defineEvents<Prices>()).toEqualTypeOf<EventMap<Prices>>()
})

test('channel, session and response take the events of a type, and no others', () => {
  unchecked(() => {
    const channel = createChannel<Prices>()
    expectTypeOf(channel).toEqualTypeOf<Channel<Prices>>()
    channel.broadcast({ type: 'tick', data: { price: 1 } })
    channel.broadcast({ data: 'text' })
    channel.broadcast({ type: 'message', data: 'text' })
    // @ts-expect-error a price is a number
    channel.broadcast({ type: 'tick', data: { price: '1' } })
    // @ts-expect-error there is no such type
    channel.broadcast({ type: 'tock', data: { price: 1 } })
    // @ts-expect-error the data of another type
    channel.broadcast({ type: 'tick', data: 'text' })
    // @ts-expect-error an event without a type is a message
    channel.broadcast({ data: { price: 1 } })
    // @ts-expect-error the word is type
    channel.broadcast({ event: 'tick', data: { price: 1 } })

    const session = createSession<Prices>(never, never)
    expectTypeOf(session).toEqualTypeOf<Session<Prices>>()
    session.send({ type: 'tick', data: { price: 1 }, id: '1', retry: 5, comment: 'c' })
    // @ts-expect-error a tick has a price
    session.send({ type: 'tick', data: {} })
    session.pipe([{ type: 'tick', data: { price: 1 } }, 'a message'])
    // @ts-expect-error a message is text
    session.pipe([7])
    session.pipe([1, 2], { toEvent: (price) => ({ type: 'tick', data: { price } }) })
    // @ts-expect-error a tick has a price
    session.pipe([1, 2], { toEvent: (price) => ({ type: 'tick', data: price }) })
    channel.subscribe(session)

    createResponse<Prices>(never, async function* () {
      yield { type: 'tick', data: { price: 1 } }
      yield { data: 'text' }
    })
    createResponse<Prices>(never, (each) => channel.subscribe(each))
    createResponse<Prices>(never, async (each) => {
      await each.send({ type: 'tick', data: { price: 1 } })
    })
    // @ts-expect-error a price is a number
    createResponse<Prices>(never, async function* () {
      yield { type: 'tick', data: { price: '1' } }
    })
  })
})

test('they infer the events of a map with schemas', () => {
  unchecked(() => {
    expectTypeOf(createChannel({ events: zodEvents })).toEqualTypeOf<Channel<Given>>()
    expectTypeOf(createSession(never, never, { events: zodEvents })).toEqualTypeOf<Session<Given>>()
    createResponse(never, { events: zodEvents }, async function* (session) {
      expectTypeOf(session).toEqualTypeOf<Session<Given>>()
      yield { type: 'tick', data: { at: '2026-01-01', items: [1] } }
    })
    // @ts-expect-error at is text
    createResponse(never, { events: zodEvents }, async function* () {
      yield { type: 'tick', data: { at: 1, items: [1] } }
    })
    // @ts-expect-error not made by defineEvents
    createChannel({ events: { tick: 1 } })
  })
})

test('without a map everything takes any event, as before', () => {
  unchecked(() => {
    createChannel().broadcast({ type: 'anything', data: { at: new Date() } })
    createSession(never, never).send({ data: 1 })
    createSession(never, never).pipe(['a', 1, null, { data: 1 }])
    createResponse(never, async function* () {
      yield { type: 'anything', data: 1 }
      yield 'text'
    })
    // A session of some events does not take any.
    expectTypeOf<Session<Prices>>().not.toExtend<Session>()
  })
})

test('a session has a state of a type, which its channel gives to filters and lists', () => {
  unchecked(() => {
    interface User {
      user: string
    }
    const session = createSession(never, never, { events: zodEvents, state: { user: 'ann' } })
    expectTypeOf(session).toEqualTypeOf<Session<Given, User>>()
    const channel = createChannel<Prices, User>()
    expectTypeOf(channel.subscribers).toEqualTypeOf<Iterable<Session<Prices, User>>>()
    channel.subscribe(session, {
      filter(event, { state }) {
        expectTypeOf(state).toEqualTypeOf<User>()
        return event.type === 'tick' ? event.data.price > 5 : event.data.length > 5
      },
    })
    // @ts-expect-error a session without a user
    channel.subscribe(createSession(never, never, { state: 7 }))
    channel.broadcast({ type: 'tick', data: { price: 1 }, id: 'row-1' }, { except: session })
    createResponse(never, { state: { user: 'ann' } }, ({ state }) => expectTypeOf(state).toEqualTypeOf<User>())

    const rooms = createChannels<number, Prices, User>()
    expectTypeOf(rooms.get(7)).toEqualTypeOf<Channel<Prices, User>>()
    // @ts-expect-error a key is a number
    rooms.get('7')
    for (const [key] of rooms) expectTypeOf(key).toEqualTypeOf<number>()
  })
})

test('events() yields the union of the events, told apart by type', () => {
  unchecked(async () => {
    expectTypeOf(events('x', { events: zodEvents })).toEqualTypeOf<EventStream<Got>>()
    expectTypeOf(events('x', { events: defineEvents<Prices>() })).toEqualTypeOf<EventStream<Prices>>()
    for await (const event of events('x', { events: zodEvents })) {
      if (event.type === 'tick') expectTypeOf(event.data.at).toEqualTypeOf<Date>()
      else if (event.type === 'message') expectTypeOf(event.data).toEqualTypeOf<number>()
      // @ts-expect-error there is no such type
      else if (event.type === 'tock') void event
    }
    // @ts-expect-error a tick is no string: it needs a map or a parser
    events<Prices>('x')
  })
})

test("an EventSource's listeners get the data of their type", () => {
  unchecked(() => {
    const source = new EventSource('x', { events: zodEvents })
    source.addEventListener('tick', ({ data, lastEventId }) => {
      expectTypeOf(data).toEqualTypeOf<Got['tick']>()
      expectTypeOf(lastEventId).toEqualTypeOf<string>()
    })
    source.addEventListener('message', ({ data }) => expectTypeOf(data).toEqualTypeOf<number>())
    source.addEventListener('error', ({ willRetry }) => expectTypeOf(willRetry).toEqualTypeOf<boolean>())
    source.addEventListener('of another type', ({ data }) => expectTypeOf(data).toBeAny())
    new EventSource('x').addEventListener('tick', ({ data }) => expectTypeOf(data).toBeAny())
  })
})

type InputOf<T> = T extends EventMap<infer In, object> ? In : never
type OutputOf<T> = T extends EventMap<object, infer Out> ? Out : never
