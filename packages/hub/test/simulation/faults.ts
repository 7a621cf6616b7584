import { Feed } from '../../src/hub/feed.ts'
import { Selection } from '../../src/hub/selection.ts'
import { decorateStore } from '../../src/store/decorate-store.ts'
import type { Follower, StoredEvent } from '../../src/store/store.ts'
import type { Sabotage } from './world.ts'

/** Something wrong that the simulation has to find. */
export interface Fault {
  readonly name: string
  /** Puts a faulty store before the hub. */
  readonly sabotage?: Sabotage
  /** Puts the fault into the code, and returns what takes it out. */
  readonly inject?: () => () => void
}

/** A fault of the tail: what becomes of the events that it tells of. */
function faultyTail(change: (events: readonly StoredEvent[]) => readonly StoredEvent[]): Sabotage {
  return (store) =>
    decorateStore(store, {
      follow: (follower: Follower) =>
        store.follow({
          ...bind(follower),
          onAppend: (events) => {
            const changed = change(events)
            if (changed.length > 0) follower.onAppend(changed)
          },
        }),
    })
}

function bind({ onStart, onAppend, onTrim, onFailure }: Follower): Follower {
  return { onStart, onAppend, onTrim, onFailure }
}

/** Puts another method in the place of one. */
function patch<T extends object, K extends keyof T>(prototype: T, name: K, make: (original: T[K]) => T[K]) {
  return () => {
    const descriptor = Object.getOwnPropertyDescriptor(prototype, name)!
    Object.defineProperty(prototype, name, { ...descriptor, value: make(prototype[name]) })
    return () => void Object.defineProperty(prototype, name, descriptor)
  }
}

let count = 0
/** True every so often. */
const now = (every: number): boolean => ++count % every === 0

export const faults: readonly Fault[] = [
  { name: 'the tail drops an event', sabotage: faultyTail((events) => (now(10) ? events.slice(1) : events)) },
  {
    name: 'the tail tells of an event twice',
    sabotage: faultyTail((events) => (now(10) ? [...events, events.at(-1)!] : events)),
  },
  {
    name: 'the tail tells of two events in the wrong order',
    sabotage: faultyTail((events) => [...events].reverse()),
  },
  {
    name: 'a page leaves out its first event',
    sabotage: (store) =>
      decorateStore(store, {
        read: async (query) => {
          const page = await store.read(query)
          return { ...page, events: page.events.slice(1) }
        },
      }),
  },
  {
    name: 'a page begins one event too early',
    sabotage: (store) =>
      decorateStore(store, { read: (query) => store.read({ ...query, after: Math.max(0, query.after - 1) }) }),
  },
  {
    name: 'a page says that it reaches further than it does',
    sabotage: (store) =>
      decorateStore(store, {
        read: async (query) => ({ ...(await store.read({ ...query, maxEvents: 1 })), through: query.through }),
      }),
  },
  {
    name: 'what is trimmed leaves no trace',
    sabotage: (store) => decorateStore(store, { read: async (query) => ({ ...(await store.read(query)), lost: [] }) }),
  },
  {
    name: 'everything trimmed is taken for lost',
    sabotage: (store) =>
      decorateStore(store, {
        read: async (query) => {
          const page = await store.read(query)
          const { position } = page.bounds.trimmed
          return position > query.after ? { ...page, lost: [{ position, topics: undefined, isPrivate: false }] } : page
        },
      }),
  },
  {
    name: 'a position used twice is not noticed',
    sabotage: (store) =>
      decorateStore(store, {
        inspect: async (position) => {
          const state = await store.inspect(position)
          return state.name === 'kept' ? { name: 'trimmed', tag: undefined } : state
        },
      }),
  },
  {
    name: 'an ID that is kept is not found',
    sabotage: (store) => decorateStore(store, { find: async () => undefined }),
  },
  {
    name: 'an idempotency key is ignored',
    sabotage: (store) =>
      decorateStore(store, {
        append: (event) => store.append(event),
        ...(store.appendAll && {
          appendAll: (appends) => store.appendAll!(appends.map(({ event }) => ({ event }))),
        }),
      }),
  },
  {
    name: 'an append is acknowledged that was not stored',
    sabotage: (store) =>
      decorateStore(store, {
        append: async (event, options) =>
          now(10) ? { position: (await store.bounds()).head.position, tag: 0 } : await store.append(event, options),
      }),
  },
  {
    name: 'private events go to everybody',
    inject: patch(Selection.prototype, 'grants', () => () => true),
  },
  {
    name: 'a subscriber joins its feed one frame too late',
    inject: patch(
      Feed.prototype,
      'offsetAfter',
      (original) =>
        function (this: Feed, position) {
          return Math.min(original.call(this, position) + 1, this.end)
        },
    ),
  },
  {
    name: 'a feed claims to reach back further than it does',
    inject: patch(Feed.prototype, 'reaches', () => () => true),
  },
  {
    name: 'a feed that lost its tail goes on as if nothing were missing',
    inject: patch(Feed.prototype, 'restart', () => () => {}),
  },
]
