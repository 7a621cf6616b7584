import { resolve } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { namesOf } from '@headwater/sse/internal'
import { checkNames } from '../base/check-names.ts'
import { assertNotNegative } from '../base/check-option.ts'
import { HubError } from '../base/errors.ts'
import { findCompleteCopy, recordCompleteCopy } from './replicated/complete-copy.ts'
import { openCopy, openCopyAlone } from './replicated/open-copy.ts'
import { ReplicatedStore } from './replicated/replicated-store.ts'
import type { EventStore } from './store.ts'
import type { BoundsAnswer } from './upstream/replication-protocol.ts'
import { UpstreamClient } from './upstream/upstream-client.ts'
import { UpstreamError, type UpstreamTrouble } from './upstream/upstream-error.ts'
import { UpstreamSource } from './upstream/upstream-source.ts'
import { parseUpstreamUrl } from './upstream/upstream-url.ts'

/** A change of the connection to the hub upstream. */
export type UpstreamConnection = { readonly name: 'connected' } | { readonly name: 'lost'; readonly reason: string }

export interface UpstreamStoreOptions {
  /**
   * The hub to copy: an origin, such as `https://hub.example.com`, or with a path, such as
   * `https://example.com/api/hub`. Default of the path: `/.well-known/mercure`. It may be a hub at the
   * edge itself.
   */
  readonly url: string
  /**
   * The token to send there, or a function that returns one for each request. It grants the action
   * `replicate` on `*`, and publishing on what is published here. Default: none.
   */
  readonly token?: string | (() => string | undefined | Promise<string | undefined>) | undefined
  /** Where the local copy is kept. Default `./headwater-data`. */
  readonly directory?: string | undefined
  /** Whether events that are published here are passed on to the hub upstream. Default true. */
  readonly passesPublishes?: boolean | undefined
  /**
   * How long a publish, or a reader with an ID that is not known here, waits for the hub upstream, in
   * milliseconds. Default 10000.
   */
  readonly waitMs?: number | undefined
  /** Called with errors that reject no call. Default `console.error`. */
  readonly onError?: ((error: HubError) => void) | undefined
  /**
   * Called when the connection to the hub upstream is lost, not for each attempt that fails in the
   * same way, and when it is there again. Default: `onError` gets the loss.
   */
  readonly onConnection?: ((connection: UpstreamConnection) => void) | undefined
}

/** How long a hub upstream may take to answer at the start if there is a copy without it, in milliseconds. */
const greetingMs = 3000

/**
 * Opens a copy of the history of another hub, for a hub at the edge: positions and IDs are the same,
 * so that subscribers may resume at either. Appends are passed on. Resolves when the copy is complete;
 * or, if it was complete once and the hub upstream does not answer for 3 s, as it is: it catches up
 * when that hub is back.
 *
 * @throws HubError `INVALID_OPTION`, `STORE_LOCKED`, `STORE_FAILED`; `HUB_UNREACHABLE` if there is no
 * such copy and the hub upstream does not answer within `waitMs`; `HUB_REFUSED` if it does not let
 * itself be copied, speaks another version, or is not a hub
 */
export async function openUpstreamStore(options: UpstreamStoreOptions): Promise<EventStore> {
  checkNames('the options of openUpstreamStore', options, optionNames)
  const {
    url,
    token,
    directory = './headwater-data',
    passesPublishes = true,
    waitMs = 10_000,
    onError = console.error,
    onConnection = defaultListener(onError),
  } = options
  assertNotNegative('waitMs', waitMs)
  const client = new UpstreamClient({
    url: parseUpstreamUrl(url),
    token: typeof token === 'function' ? token : () => token,
  })
  const copies = resolve(directory)
  const of = client.url.href
  const known = findCompleteCopy(copies, of)
  const answer = await greet(client, known === undefined ? waitMs : Math.min(waitMs, greetingMs))
  const isAway = answer instanceof UpstreamError
  if (isAway && known === undefined) throw unreachable(answer, copies)
  const epoch = isAway ? known! : answer.epoch
  const replica = await (isAway ? openCopyAlone : openCopy)({ directory: copies, epoch, onError })
  let trouble: UpstreamTrouble | undefined
  if (isAway) {
    trouble = answer.trouble
    onConnection({ name: 'lost', reason: `${answer.message} Until it answers, this hub serves its copy.` })
  }
  const source = new UpstreamSource({
    client,
    epoch,
    waitMs,
    passesPublishes,
    onConnection(error) {
      if (error?.trouble === trouble) return
      trouble = error?.trouble
      onConnection(error ? { name: 'lost', reason: error.message } : { name: 'connected' })
    },
  })
  const store = await ReplicatedStore.open({
    replica,
    source,
    waitMs,
    isSourceAway: isAway,
    // That it is away was reported when the connection was lost.
    onError: (error) => {
      if (!(error instanceof UpstreamError)) onError(error)
    },
  }).catch((error: unknown) => {
    throw toStartError(error)
  })
  if (!isAway) recordCompleteCopy(copies, epoch, of)
  return store
}

/** Asks the hub upstream what it is, until it answers. Resolves to why it does not, if it is away. */
async function greet(client: UpstreamClient, waitMs: number): Promise<BoundsAnswer | UpstreamError> {
  const deadline = performance.now() + waitMs
  for (;;) {
    try {
      return await client.head(Math.max(1000, deadline - performance.now()))
    } catch (error) {
      if (!(error instanceof UpstreamError) || error.trouble !== 'away') throw toStartError(error)
      if (performance.now() >= deadline) return error
      await wait(250)
    }
  }
}

function unreachable(error: UpstreamError, directory: string): HubError {
  return new HubError(
    'HUB_UNREACHABLE',
    `${error.message} In ${directory} there is no complete copy of its history that could be served without it.`,
    { cause: error },
  )
}

function toStartError(error: unknown): unknown {
  if (!(error instanceof UpstreamError)) return error
  return new HubError(error.trouble === 'away' ? 'HUB_UNREACHABLE' : 'HUB_REFUSED', error.message, { cause: error })
}

function defaultListener(onError: (error: HubError) => void): (connection: UpstreamConnection) => void {
  return (connection) => {
    if (connection.name === 'lost') onError(new HubError('HUB_UNREACHABLE', connection.reason))
  }
}

const optionNames = namesOf<UpstreamStoreOptions>({
  url: true,
  token: true,
  directory: true,
  passesPublishes: true,
  waitMs: true,
  onError: true,
  onConnection: true,
})
