import { resolve } from 'node:path'
import { namesOf } from '@headwater/sse/internal'
import { checkNames } from '../base/check-names.ts'
import { assertNotNegative } from '../base/check-option.ts'
import { HubError } from '../base/errors.ts'
import { parsePostgresAddress } from './postgres/address.ts'
import { PostgresSource } from './postgres/postgres-source.ts'
import { findCompleteCopy, recordCompleteCopy } from './replicated/complete-copy.ts'
import { openCopy, openCopyAlone } from './replicated/open-copy.ts'
import { ReplicatedStore } from './replicated/replicated-store.ts'
import type { Retention } from './retention.ts'
import { sqliteDefaults } from './sqlite.ts'
import { defaultIdempotencyMs, type EventStore } from './store.ts'

export interface PostgresStoreOptions extends Retention {
  /**
   * `postgres://USER@HOST[:PORT][,HOST…]/DATABASE`, with the parameters `schema` (default
   * `headwater`), `directory` of the local copy (default `./headwater-data`), `wait`, the seconds
   * for which a publish waits for the engine (default 10), `takeover`, the seconds after which a
   * silent elected node is replaced (default 10), and those of `pg`, such as `sslmode`.
   */
  readonly url: string
  /** Default `Infinity`. All nodes have the same: the elected one trims for all. */
  readonly maxEvents?: number | undefined
  /** Default 1073741824 (1 GiB). */
  readonly maxBytes?: number | undefined
  /** How long an idempotency key is remembered, in milliseconds. Default 3600000 (an hour). */
  readonly idempotencyMs?: number | undefined
  /** Called with errors that reject no call. Default `console.error`. */
  readonly onError?: ((error: HubError) => void) | undefined
  /**
   * Called, before the store is open, with each thing that is weaker than it could be: a server that
   * acknowledges before an event is safe, a pooler in between. Default: not reported.
   */
  readonly onCaution?: ((caution: string) => void) | undefined
  /** The clock, in milliseconds. Default: that of the engine; tests bring their own. */
  readonly now?: (() => number) | undefined
}

/** How long the engine may take to answer at the start if there is a copy without it, in milliseconds. */
const greetingMs = 3000

/**
 * Opens a history in PostgreSQL, for one of several hubs that share it. The tables must be there:
 * `headwater store init`. Each hub has a copy of the history in a directory of its own, and serves
 * its subscribers from that. Resolves when the copy is complete; or, if it was complete once and the
 * engine does not answer for 3 s, as it is: it catches up when the engine is back. Without such a
 * copy, rejects if the engine does not answer for the seconds of `wait`.
 *
 * @throws HubError `INVALID_OPTION`, `STORE_LOCKED`, `STORE_FAILED`
 */
export async function openPostgresStore(options: PostgresStoreOptions): Promise<EventStore> {
  checkNames('the options of openPostgresStore', options, optionNames)
  const {
    url,
    maxAgeMs = sqliteDefaults.maxAgeMs,
    maxEvents = sqliteDefaults.maxEvents,
    maxBytes = sqliteDefaults.maxBytes,
    idempotencyMs = defaultIdempotencyMs,
    onError = console.error,
    onCaution,
    now,
  } = options
  const address = parsePostgresAddress(url)
  const sourceOptions = {
    address,
    maxAgeMs: assertNotNegative('maxAgeMs', maxAgeMs),
    maxEvents: assertNotNegative('maxEvents', maxEvents),
    maxBytes: assertNotNegative('maxBytes', maxBytes),
    idempotencyMs: assertNotNegative('idempotencyMs', idempotencyMs),
    now,
    onError,
    onCaution,
  }
  const { identity, waitMs } = address
  const directory = resolve(address.directory)
  const known = findCompleteCopy(directory, identity)
  const greeting = await PostgresSource.greet(address, known === undefined ? waitMs : Math.min(waitMs, greetingMs))
  const isAway = greeting instanceof HubError
  if (isAway && known === undefined) throw greeting
  const epoch = isAway ? known! : greeting.epoch
  if (isAway) onError(new HubError('STORE_FAILED', `${greeting.message} Until it answers, this hub serves its copy.`))
  const replica = await (isAway ? openCopyAlone : openCopy)({ directory, epoch, onError })
  const source = new PostgresSource(sourceOptions, epoch, isAway ? undefined : greeting.facts)
  const store = await ReplicatedStore.open({ replica, source, waitMs, onError, isSourceAway: isAway })
  if (!isAway) recordCompleteCopy(directory, epoch, identity)
  return store
}

const optionNames = namesOf<PostgresStoreOptions>({
  url: true,
  maxAgeMs: true,
  maxEvents: true,
  maxBytes: true,
  idempotencyMs: true,
  onError: true,
  onCaution: true,
  now: true,
})
