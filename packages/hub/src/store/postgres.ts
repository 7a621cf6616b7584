import { resolve } from 'node:path'
import { namesOf } from '@headwater/sse/server'
import { checkNames } from '../base/check-names.ts'
import { assertNotNegative } from '../base/check-option.ts'
import type { HubError } from '../base/errors.ts'
import { parsePostgresAddress } from './postgres/address.ts'
import { PostgresSource } from './postgres/postgres-source.ts'
import type { Replica } from './replica.ts'
import { openCopy } from './replicated/open-copy.ts'
import { ReplicatedStore } from './replicated/replicated-store.ts'
import type { Retention } from './retention.ts'
import { sqliteDefaults } from './sqlite.ts'
import { defaultIdempotencyMs, type EventStore } from './store.ts'

export interface PostgresStoreOptions extends Retention {
  /**
   * `postgres://USER@HOST[:PORT][,HOST…]/DATABASE`, with the parameters `schema` (default
   * `headwater`), `directory` of the local copy (default `./headwater-data`), `wait`, the seconds
   * for which a publish waits for the engine (default 10), and those of `pg`, such as `sslmode`.
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

/**
 * Opens a history in PostgreSQL, for one of several hubs that share it. The tables must be there:
 * `headwater store init`. Each hub has a copy of the history in a directory of its own, and serves
 * its subscribers from that. Resolves when the copy is complete.
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
  const source = await PostgresSource.open({
    address,
    maxAgeMs: assertNotNegative('maxAgeMs', maxAgeMs),
    maxEvents: assertNotNegative('maxEvents', maxEvents),
    maxBytes: assertNotNegative('maxBytes', maxBytes),
    idempotencyMs: assertNotNegative('idempotencyMs', idempotencyMs),
    now,
    onError,
    onCaution,
  })
  let replica: Replica
  try {
    replica = await openCopy(resolve(address.directory), source.epoch, onError)
  } catch (error) {
    await source.close()
    throw error
  }
  return await ReplicatedStore.open({ replica, source, waitMs: address.waitMs, onError })
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
