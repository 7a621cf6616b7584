import type { IsAnyEvents } from '../protocol/event-map.ts'
import type { AnyEvents } from '../protocol/index.ts'
import type { HistoryOptions } from './history.ts'
import type { AnySession, Session } from './session.ts'
import type { EventOptions, SessionEvent } from './session-event.ts'

export type { HistoryOptions } from './history.ts'

export interface ChannelOptions<M extends object = AnyEvents, State = unknown> extends EventOptions<M> {
  /**
   * The name of the channel in the IDs of its events, which lets a session subscribe to several
   * channels: one ID then has a place in each. Keep it the same over restarts. At most 64 characters,
   * percent-encoded. Default: none, and a session that subscribes belongs to this channel alone.
   */
  name?: string | undefined
  /** The history, in this process's memory, for clients that reconnect. */
  history?: HistoryOptions | undefined
  /** Called after a session was subscribed. */
  onSubscribe?: ((session: Session<AnyEvents, State>) => void) | undefined
  /** Called when a session is no longer subscribed, usually because it ended. */
  onUnsubscribe?: ((session: Session<AnyEvents, State>) => void) | undefined
}

export interface SubscribeOptions<M extends object = AnyEvents, State = unknown> {
  /**
   * Where the session resumes. Default: after the last event ID that its client has. `earliest`:
   * before everything that is kept.
   */
  lastEventId?: string | undefined
  /**
   * Which events the session gets, live and from the history. The others count as seen: the client
   * resumes after them. If it throws, the session's `onError` gets the error, and the event is not
   * sent. Default: all.
   */
  filter?: ((event: FilteredEvent<M>, session: Session<M, State>) => boolean) | undefined
}

/** An event as a filter sees it: its type, `message` if it has none, and its data as it was given. */
export type FilteredEvent<M extends object = AnyEvents> =
  IsAnyEvents<M> extends true
    ? { readonly type: string; readonly data: unknown }
    : { [Type in keyof M & string]: { readonly type: Type; readonly data: M[Type] } }[keyof M & string]

export interface BroadcastOptions {
  /**
   * Sessions that do not get the event, such as the one of the client that caused it. They get their
   * new position in its place, so that their clients do not get it after a reconnect either. Only a
   * client that is cut off in that moment may.
   */
  except?: AnySession | Iterable<AnySession> | undefined
}

/**
 * Sends events to many sessions, and replays to each reconnecting one what it missed: in memory,
 * within one process. Its events form one sequence, with IDs `<epoch>.<position>`, or
 * `<name>:<epoch>.<position>`. A session can be in several channels if all of them have names: its IDs
 * then have a place in each, and a later session resumes each exactly, in any order. Use the hub for
 * many topics, for a history that survives a restart, or for more processes.
 */
export interface Channel<M extends object = AnyEvents, State = unknown> {
  readonly name: string | undefined
  /** How many sessions are subscribed. */
  readonly size: number
  /** The sessions that are subscribed. */
  readonly subscribers: Iterable<Session<M, State>>
  /**
   * Sends the session what it missed since its `lastEventId`, then every broadcast event, none
   * twice and none left out. If part of what it missed is gone, a `headwater-gap` event says so
   * first. A session without an ID gets a position at once, so that it can resume even if it is cut
   * off before its first event.
   *
   * Ends with the session, or when the returned function is called. A closed channel sends what is
   * kept, and then closes the session.
   *
   * @throws SseError `ALREADY_SUBSCRIBED` for a session of another channel, unless both have names;
   * `TOO_MANY_CHANNELS` for more than 32; `INVALID_OPTION`.
   */
  subscribe(session: AnySession<State>, options?: SubscribeOptions<M, State>): () => void
  /**
   * Sends an event to every subscriber and returns its ID: `''` if `onInvalid` skipped it. The event is
   * encoded once. A slow subscriber delays no other: what it has not read waits within its own
   * session's bound.
   *
   * The channel sets the ID. With an `id` of its own, such as that of a row, the client of a session in
   * this channel alone gets that, and resumes from it while it is kept.
   *
   * @throws SseError `INVALID_…` for an invalid event, or an `id` that the channel could not tell from
   * others; `CHANNEL_CLOSED` after `close()`.
   */
  broadcast(event: SessionEvent<M>, options?: BroadcastOptions): string
  /** Drains every currently subscribed session. Resolves when they have ended. */
  drain(): Promise<void>
  /**
   * Permanently closes every session subscribed now or later, each after what it is still to get
   * from the history, unless it is in other channels too: it then leaves this one. Resolves when the
   * current ones have ended.
   */
  close(): Promise<void>
}
