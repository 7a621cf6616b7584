import { mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { assertNotNegative } from '../base/check-option.ts'
import { HubError } from '../base/errors.ts'
import { parsePostgresAddress } from './postgres/address.ts'
import { PostgresSource } from './postgres/postgres-source.ts'
import { openReplica, type Replica } from './replica.ts'
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
export async function openPostgresStore({
  url,
  maxAgeMs = sqliteDefaults.maxAgeMs,
  maxEvents = sqliteDefaults.maxEvents,
  maxBytes = sqliteDefaults.maxBytes,
  idempotencyMs = defaultIdempotencyMs,
  onError = console.error,
  onCaution,
  now,
}: PostgresStoreOptions): Promise<EventStore> {
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

/**
 * Opens the copy of a history in a directory of copies. Copies of other histories are of no use any
 * more. A damaged one is made anew: everything in it is in the engine.
 */
async function openCopy(directory: string, epoch: string, onError: (error: HubError) => void): Promise<Replica> {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const name = `copy-${epoch}`
  const open = () =>
    openReplica({
      directory: join(directory, name),
      epoch,
      // What a power loss takes is read from the engine again.
      durability: 'fast',
      maxBytes: Infinity,
      onError,
    })
  let replica: Replica
  try {
    replica = await open()
  } catch (error) {
    if (!(error instanceof HubError) || error.code !== 'STORE_FAILED') throw error
    onError(new HubError('STORE_FAILED', `The local copy is made anew: ${error.message}`, { cause: error }))
    rmSync(join(directory, name), { recursive: true, force: true })
    replica = await open()
  }
  for (const other of readdirSync(directory)) {
    if (/^copy-[0-9a-z]{10}$/.test(other) && other !== name)
      rmSync(join(directory, other), { recursive: true, force: true })
  }
  return replica
}
