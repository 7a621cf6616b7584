import type { Connection, connect, Step } from '../client/connection.ts'
import type { EventSourceOptions, Share } from '../client/options.ts'
import { SseError } from '../protocol/errors.ts'
import { namesOf, refuseUnknownName } from '../protocol/names.ts'
import type { Selectors } from './entry.ts'
import { type Environment, ownEnvironment } from './environment.ts'
import { Member } from './member.ts'
import { tabSteps } from './tab-steps.ts'

/**
 * What a tab is in a shared connection:
 * - `connecting`: it does not know yet.
 * - `leader`: it has the connection, and tells the others.
 * - `follower`: another tab has it.
 * - `apart`: it missed something that no tab has any more, and reads that with a connection of its own
 *   until it has caught up.
 * - `alone`: nothing can be shared here (no Web Locks, no `BroadcastChannel`), so it has a connection
 *   of its own.
 * - `closed`.
 */
export type TabRole = 'connecting' | 'leader' | 'follower' | 'apart' | 'alone' | 'closed'

export interface TabsOptions {
  /**
   * Only tabs with the same key share: the user's ID, for example. Default: none. Required with
   * `headers`, `url` or `fetch` as a function, because a tab cannot know whether another one's would
   * ask as the same user.
   */
  key?: string | undefined
  /**
   * Let URLs that differ in nothing but what they select (`match`, `match_exact`, `match_urlpattern`,
   * `topic`) share one connection, which selects all of it; each tab gets its own events. Only for
   * Headwater's hub, which can say what selects an event (`show_matchers=1`). Default false.
   */
  merge?: boolean | undefined
  /** Called when the role of a connection changes, with its URL: for debugging. */
  onRole?: ((role: TabRole, url: string) => void) | undefined
}

/** What {@link tabs} returns, for the option `share`. */
export interface TabsShare extends Share {
  /** The role of the connection that was opened last with it. */
  readonly role: TabRole
}

/**
 * For the option `share` of `EventSource` and `events()`: all tabs and workers of the origin that ask
 * for the same URL, with the same headers, share one connection. Each gets what its own would have
 * given it. When the tab that has the connection closes, crashes or freezes, another one takes over,
 * and nothing is lost or doubled, as far as the server's event IDs allow.
 *
 * Where Web Locks or `BroadcastChannel` are missing, each has a connection of its own: `role` is
 * `alone`.
 *
 * @throws {SseError} `INVALID_OPTION`. When the connection is created: for another method than GET,
 * and for functions without a `key`.
 */
export function tabs(options: TabsOptions = {}): TabsShare {
  return shareAmong(ownEnvironment(), options)
}

const names = /* @__PURE__ */ namesOf<TabsOptions>({ key: true, merge: true, onRole: true })

/** The same in an environment that a test provides. */
export function shareAmong(environment: Environment | undefined, tabsOptions: TabsOptions): TabsShare {
  refuseUnknownName("tabs()'s options", tabsOptions, names)
  const { merge = false, onRole } = tabsOptions
  const share = Object.assign(
    (url: string, options: EventSourceOptions, open: typeof connect): Connection => {
      const setRole = (role: TabRole) => {
        if (share.role === role) return
        share.role = role
        onRole?.(role, url)
      }
      const address = readAddress(url, merge)
      const identity = identify(address, options, tabsOptions)
      if (environment) return sharedConnection(environment, url, address, options, open, identity, setRole)
      setRole('alone')
      return open(url, inheriting(options, {}))
    },
    { role: 'connecting' as TabRole },
  )
  return share as unknown as TabsShare
}

/** A URL in two parts. */
interface Address {
  /** What tabs that share have in common. */
  readonly shared: string
  /** What each selects by itself. */
  readonly selectors: Selectors
}

function readAddress(text: string, isMerging: boolean): Address {
  const url = new URL(text)
  url.hash = ''
  if ([...url.searchParams.keys()].some((name) => /^(lastEventI[dD]|last_event_id|Last-Event-ID)$/.test(name))) {
    throw new SseError(
      'INVALID_OPTION',
      `${text} says where to resume, but tabs that share a URL begin where each wants to. Pass the option lastEventId.`,
    )
  }
  const isSelector = (pair: string) => /^(topic|match|match_exact|match_urlpattern)=/.test(pair)
  const pairs = url.search.slice(1).split('&').filter(Boolean)
  const selectors = new Set(pairs.filter(isSelector))
  if (!isMerging || selectors.size === 0) return { shared: url.href, selectors: undefined }
  url.search = pairs.filter((pair) => !isSelector(pair)).join('&')
  return { shared: url.href, selectors: [...selectors] }
}

/** What tabs must have in common to share. */
function identify(address: Address, options: EventSourceOptions, { key, merge }: TabsOptions): string {
  const { body, fetch, headers, method = body == null ? 'GET' : 'POST', url: urlOf, withCredentials } = options
  if (body != null || !/^get$/i.test(method)) {
    throw new SseError(
      'INVALID_OPTION',
      `share: tabs() shares GET requests without a body, and this is ${method}${body == null ? '' : ' with a body'}.`,
    )
  }
  if (merge && urlOf) {
    throw new SseError('INVALID_OPTION', 'tabs({ merge: true }) makes the URL itself. Leave out the option url.')
  }
  const given = Object.entries({ fetch, headers, url: urlOf }).find(([, value]) => typeof value === 'function')
  if (given && key === undefined) {
    throw new SseError(
      'INVALID_OPTION',
      `${given[0]} is a function: another tab's may ask as another user. Pass tabs({ key }) with what tabs that may share have in common, such as the user's ID.`,
    )
  }
  const sent = typeof headers === 'function' ? [] : [...new Headers(headers)]
  return JSON.stringify([address.shared, !address.selectors, !!withCredentials, sent, key])
}

function sharedConnection(
  environment: Environment,
  url: string,
  address: Address,
  options: EventSourceOptions,
  open: typeof connect,
  identity: string,
  setRole: (role: TabRole) => void,
): Connection {
  const { events, lastEventId, onComment, onEvent, onInvalid, onOpen, reconnectOn, signal, withCredentials } = options
  const closing = new AbortController()
  const closed = closing.signal
  let member: Member | undefined
  let own: Connection | undefined
  let wake = () => {}
  const onChange = () => {
    if (closed.aborted) setRole('closed')
    else if (member?.isAlone) setRole('alone')
    else if (own) setRole('apart')
    else if (member?.isLeading) setRole('leader')
    else if (member?.log) setRole('follower')
    wake()
  }
  const close = () => {
    if (closed.aborted) return
    closing.abort()
    member?.leave()
    own?.close()
    onChange()
  }
  const connection: Connection = {
    url,
    withCredentials: !!withCredentials,
    steps: run(),
    events,
    onEvent,
    onInvalid,
    lastEventId: `${lastEventId ?? ''}`,
    get receivedId() {
      return connection.lastEventId
    },
    get reconnectionTime() {
      return member?.reconnectionTime ?? 3000
    },
    signal: closed,
    close,
  }
  if (signal?.aborted) close()
  signal?.addEventListener('abort', close, { signal: closed })
  reconnectOn?.((silentMs = 0) => member?.reconnect(silentMs), closed)
  return connection

  async function* run(): AsyncGenerator<Step[], void, void> {
    const name = `headwater-tabs-1 ${await environment.digest(identity)}`
    if (closed.aborted) return
    const { shared, selectors } = address
    const openAt = (url: string, id: string, changes: EventSourceOptions, hooks: Parameters<typeof connect>[2]) =>
      open(url, inheriting(options, { lastEventId: id, ...changes }), hooks)
    member = new Member(
      environment,
      name,
      ({ lastEventId, reconnectionTimeMs, selectors }, { onId, ...hooks }) =>
        openAt(selectors ? selecting(shared, selectors) : url, lastEventId, hooks, {
          onId,
          reconnectionTime: reconnectionTimeMs,
        }),
      { after: `${lastEventId ?? ''}` || null, selectors },
      onChange,
    )
    yield* tabSteps({
      member,
      selectors,
      changed: () =>
        new Promise((resolve) => {
          wake = resolve
        }),
      signal: closed,
      openOwn: (id) => openAt(url, id, {}, { onId: () => wake(), reconnectionTime: member!.reconnectionTime }),
      onOpen,
      onComment,
      onApart: (connection) => {
        own = connection
        onChange()
      },
      onId: (id) => {
        connection.lastEventId = id
      },
      wake: () => wake(),
    })
  }
}

/** The URL of a connection that selects for several tabs. */
function selecting(shared: string, selectors: readonly string[]): string {
  const url = new URL(shared)
  url.search = [url.search.slice(1), ...selectors, 'show_matchers=1'].filter(Boolean).join('&')
  return url.href
}

/** The options with some of them replaced, without those that belong to one tab. */
function inheriting(options: EventSourceOptions, changes: EventSourceOptions): EventSourceOptions {
  return Object.assign(Object.create(options), { share: undefined, ...changes })
}
