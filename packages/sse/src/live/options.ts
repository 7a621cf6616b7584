import type { EventsOptions, StreamEvent } from '../client/events.ts'
import { SseError } from '../protocol/errors.ts'
import { namesOf, refuseUnknownName } from '../protocol/names.ts'

/**
 * What `events()` takes, and how events become the state of a page. What events there are says
 * `events`, by `defineEvents`; without it, all data is text.
 *
 * Functions and maps among them may be others at each call (as they are when a component renders
 * again): the newest are called. A signal, or a body that is an object, remains the first. Any other
 * option that changes is another stream.
 */
export type LiveOptions<M extends object = Record<string, string>, T = undefined> = Omit<EventsOptions<M>, 'parse'> &
  OwnOptions &
  Reduction<M, T>

interface OwnOptions {
  /** How many of the newest events `events` has: a whole number from 0, or `Infinity`. Default 100. */
  keep?: number | undefined
  /**
   * Whether to connect. Default `true`. `false` closes the connection, unless somebody else uses it,
   * and what was received stays; `true` again resumes after the last event.
   */
  enabled?: boolean | undefined
  /**
   * Users with the same URL and the same options share one connection. Functions and maps are the
   * same if they are identical, so one that is written inside a component is not the same as that of
   * another. With the same `key` they count as the same. Another `key` is another stream: make the
   * user's ID part of it where people can log out and in again. Default: none.
   */
  key?: string | undefined
  /**
   * The least time between two updates, in milliseconds: what arrives in between is one update. The
   * first after a rest comes at once. Default 16, about one frame.
   */
  batchMs?: number | undefined
  /**
   * How long the connection stays after its last user has left, in milliseconds, for the next one;
   * with `Infinity` for good. Default 1000.
   */
  closeDelayMs?: number | undefined
}

type Reduction<M extends object, T> =
  | {
      /**
       * Makes the next `value` of the one before and an event, so that the events themselves need not
       * be kept. Must not change the value it is given. If it throws, the stream ends with
       * `INVALID_DATA`.
       */
      reduce: (value: T, event: StreamEvent<M>) => T
      /** The `value` before any event. */
      initial: T
    }
  | (undefined extends T ? { reduce?: undefined; initial?: undefined } : never)

/** Options of any stream. */
export type AnyLiveOptions = LiveOptions<Record<string, string>, unknown>

/** Throws `INVALID_OPTION` for names that mean nothing and numbers out of range. */
export function assertLiveOptions(options: AnyLiveOptions): void {
  refuseUnknownName('the options of live events', options, liveOptionNames, otherWords)
  const { keep, batchMs, closeDelayMs } = options
  for (const [name, value] of Object.entries({ keep, batchMs, closeDelayMs })) {
    const isRight = typeof value === 'number' && value >= 0 && !(name === 'keep' && value % 1 > 0)
    if (value !== undefined && !isRight) {
      const expected = name === 'keep' ? 'a whole number' : 'a number of milliseconds'
      throw new SseError('INVALID_OPTION', `${name} is ${value}, not ${expected} from 0 up.`)
    }
  }
}

const liveOptionNames = /* @__PURE__ */ namesOf<AnyLiveOptions>({
  withCredentials: true,
  headers: true,
  url: true,
  method: true,
  body: true,
  fetch: true,
  signal: true,
  lastEventId: true,
  retry: true,
  idleTimeoutMs: true,
  maxEventBytes: true,
  reconnectOn: true,
  share: true,
  onOpen: true,
  onComment: true,
  events: true,
  onInvalid: true,
  onGap: true,
  onState: true,
  keep: true,
  enabled: true,
  key: true,
  batchMs: true,
  closeDelayMs: true,
  reduce: true,
  initial: true,
})

const otherWords = {
  parse: 'events',
  schema: 'events',
  limit: 'keep',
  max: 'keep',
  maxevents: 'keep',
  throttle: 'batchMs',
  throttlems: 'batchMs',
  disabled: 'enabled',
  reducer: 'reduce',
  initialvalue: 'initial',
  initialstate: 'initial',
  onerror: 'onState',
  onconnect: 'onOpen',
  timeout: 'idleTimeoutMs',
  since: 'lastEventId',
}
