import { existsSync, readdirSync, statfsSync, statSync } from 'node:fs'
import { hostname } from 'node:os'
import { join, resolve } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { eventColumns, isIntact, topicsOf } from '../history/event-row.ts'
import type { CheckedRow } from '../history/event-tuples.ts'
import { storeFailure } from '../history/failure.ts'
import { applicationId, migrations } from '../history/schema.ts'
import { readAcknowledged } from './acknowledged-head.ts'
import { createDatabase } from './create-database.ts'
import { files, holderOf, pragma } from './data-directory.ts'
import { describeEnd } from './history-end.ts'
import { othersMayUse } from './private-files.ts'
import { isRunning } from './sole-user.ts'

/** A result of the examination of a data directory. */
export interface Finding {
  /** `bad`: the hub will not start, or not store events. `worth a look`: it will, for now. */
  readonly verdict: 'good' | 'worth a look' | 'bad'
  readonly about: 'directory' | 'use' | 'space' | 'schema' | 'history' | 'end' | 'events' | 'integrity'
  /** In words, with advice if needed. */
  readonly text: string
}

/** Less free space than this is `worth a look`, in bytes. */
const littleSpace = 256 * 1024 ** 2

/**
 * Examines a data directory and changes nothing in it, whether a hub uses it or not. Reading all of
 * a large history for damage takes a while: a few seconds for each gigabyte on a good disk.
 */
export function* examineDataDirectory(given: string): Generator<Finding> {
  const directory = resolve(given)
  const path = join(directory, files.database)
  if (!existsSync(path)) {
    const what = existsSync(directory) ? `there is no history in ${directory}` : `there is no ${directory}`
    yield { verdict: 'bad', about: 'directory', text: `${what}. A hub makes one when it starts.` }
    return
  }
  yield { verdict: 'good', about: 'directory', text: `${directory}: ${sizesOf(directory)}.` }
  const exposure = exposureOf(directory)
  if (exposure !== undefined) yield { verdict: 'worth a look', about: 'directory', text: exposure }
  yield examineUse(directory)
  yield examineSpace(directory)
  // Before the database: a hub that runs writes it after the database.
  const acknowledged = readAcknowledged(directory)
  let database: DatabaseSync | undefined
  try {
    database = createDatabase(path, { readOnly: true })
    database.exec('PRAGMA busy_timeout = 1000')
    // Everything at one moment: a hub that runs meanwhile stores and trims events between two
    // queries.
    database.exec('BEGIN')
    const schema = examineSchema(database)
    yield schema
    if (schema.verdict === 'bad') return
    yield examineHistory(database)
    yield examineEnd(database, acknowledged)
    yield examineEvents(database)
    // A transaction longer than necessary would keep the hub from emptying its write-ahead log.
    database.exec('COMMIT')
    yield examineIntegrity(database)
  } catch (error) {
    const { message } = storeFailure('The history cannot be read', error, directory)
    yield { verdict: 'bad', about: 'integrity', text: message }
  } finally {
    database?.close()
  }
}

/** Who beside its owner may use a data directory, and what to do; `undefined` for nobody. */
export function exposureOf(given: string): string | undefined {
  const directory = resolve(given)
  const found = process.platform === 'win32' ? undefined : statSync(directory, { throwIfNoEntry: false })
  if (!found || !othersMayUse(found.mode)) return undefined
  const mode = (found.mode & 0o777).toString(8)
  return `other users may open ${directory} (its mode is ${mode}), which is for the hub alone. chmod 700 ${directory}`
}

function sizesOf(directory: string): string {
  const sizes = readdirSync(directory)
    .filter((name) => name.startsWith(files.database))
    .map((name) => `${name} has ${inMegabytes(statSync(join(directory, name)).size)}`)
  return sizes.join(', ')
}

/**
 * Relies on the file that names the holder, not on the lock: trying the lock could keep a hub from
 * starting at this very moment.
 */
function examineUse(directory: string): Finding {
  const holder = holderOf(directory)
  if (!holder) return { verdict: 'good', about: 'use', text: 'no hub uses it, and the last one closed it.' }
  const isElsewhere = holder.host !== hostname()
  // Whether a process of another machine or container is still running cannot be found out from
  // here.
  if (isElsewhere || isRunning(holder.pid)) {
    return {
      verdict: 'good',
      about: 'use',
      text: `in use by ${holder.text}${isElsewhere ? ', or was when that process ended' : ''}.`,
    }
  }
  return {
    verdict: 'worth a look',
    about: 'use',
    text: `no hub uses it, and the last one did not close it (${holder.text}): it was killed, or the power failed.`,
  }
}

function examineSpace(directory: string): Finding {
  const { bavail, bsize } = statfsSync(directory)
  const free = bavail * bsize
  const text = `${inMegabytes(free)} are free on its disk.`
  if (free > littleSpace) return { verdict: 'good', about: 'space', text }
  const advice = 'Without free space, publishers get 503. Free some, or keep less (--max-bytes).'
  return { verdict: free === 0 ? 'bad' : 'worth a look', about: 'space', text: `${text} ${advice}` }
}

function examineSchema(database: DatabaseSync): Finding {
  const version = Number(pragma(database, 'user_version'))
  if (pragma(database, 'application_id') !== applicationId) {
    return { verdict: 'bad', about: 'schema', text: `${files.database} is a database, but not one of Headwater's.` }
  }
  if (version > migrations.length) {
    const text = `it was written by a newer Headwater: version ${version}, and this one supports ${migrations.length}. Use the newer one.`
    return { verdict: 'bad', about: 'schema', text }
  }
  const isOld = version < migrations.length ? `; a hub migrates it to ${migrations.length} when it starts` : ''
  return { verdict: 'good', about: 'schema', text: `version ${version}${isOld}.` }
}

function examineHistory(database: DatabaseSync): Finding {
  const history = database.prepare('SELECT * FROM history').get()
  if (!history) return { verdict: 'bad', about: 'history', text: 'it has no epoch: it was never finished. Remove it.' }
  const { epoch } = history
  // Before version 2 of the schema, positions had no holes.
  const trimmed = Number(history.trimmed_position) - Number(history.trimmed_holes ?? 0)
  const { count, topics } = database
    .prepare('SELECT count(*) AS count, (SELECT count(DISTINCT topic) FROM event_topic) AS topics FROM event')
    .get() as { count: number; topics: number }
  if (count === 0) {
    return { verdict: 'good', about: 'history', text: `epoch ${epoch}, no events, ${trimmed} trimmed.` }
  }
  const oldest = eventAt(database, 'ASC')
  const newest = eventAt(database, 'DESC')
  const text =
    `epoch ${epoch}, ${count} events on ${topics} topics, from position ${oldest.position} (${oldest.storedAt}) to ` +
    `${newest.position} (${newest.storedAt}), ${trimmed} trimmed.`
  // Each event holds the number of all events up to it.
  if (oldest.total === trimmed + 1 && newest.total - trimmed === count) {
    return { verdict: 'good', about: 'history', text }
  }
  return {
    verdict: 'bad',
    about: 'history',
    text: `${text} Some events in between are missing: somebody has deleted them. Restore a backup.`,
  }
}

function examineEnd(database: DatabaseSync, acknowledged: ReturnType<typeof readAcknowledged>): Finding {
  if (!acknowledged) {
    return { verdict: 'worth a look', about: 'end', text: describeEnd({ name: 'unknown' }) }
  }
  const { epoch, position } = acknowledged
  const row = database.prepare('SELECT epoch, trimmed_position FROM history').get()!
  if (row.epoch !== epoch) {
    return { verdict: 'bad', about: 'end', text: describeEnd({ name: 'replaced', epoch, position }) }
  }
  const newest = database.prepare('SELECT max(position) AS position FROM event').get()!
  const after = Number(newest.position ?? row.trimmed_position)
  if (after >= position) {
    return { verdict: 'good', about: 'end', text: describeEnd({ name: 'reached', position, isExact: true }) }
  }
  return { verdict: 'bad', about: 'end', text: describeEnd({ name: 'lost', after, through: position }) }
}

/** The most damaged events that are named. */
const mostNamed = 10

/** Compares each event with its checksum, and the index of topics with the events. */
function examineEvents(database: DatabaseSync): Finding {
  const version = Number(pragma(database, 'user_version'))
  const hasChecksums = version >= 3
  const columns = version >= 4 ? eventColumns : eventColumns.replace('event.trace_context', 'NULL')
  const events = hasChecksums
    ? database.prepare(`SELECT ${columns} FROM event ORDER BY position`)
    : database.prepare(
        `SELECT ${columns.replace('event.holes, event.checksum', '0, NULL')} FROM event ORDER BY position`,
      )
  const entry = database.prepare('SELECT 1 FROM event_topic WHERE topic = ? AND position = ?')
  events.setReturnArrays(true)
  const damaged: number[] = []
  let unchecked = 0
  let unindexed = 0
  for (const row of events.iterate() as Iterable<unknown> as Iterable<CheckedRow>) {
    if (!isIntact(row)) damaged.push(row[0])
    else {
      if (row[13] === null) unchecked++
      if (!topicsOf(row[2], row[3]).every((topic) => entry.get(topic, row[0]))) unindexed++
    }
  }
  const advice =
    'A hub serves the rest, and tells subscribers of a gap. To get them back, stop the hub, and restore a backup.'
  if (damaged.length > 0) {
    const named = `${damaged.slice(0, mostNamed).join(', ')}${damaged.length > mostNamed ? ', …' : ''}`
    const text = `${damaged.length} events are not as they were stored, at position ${named}. ${advice}`
    return { verdict: 'bad', about: 'events', text }
  }
  if (unindexed > 0) {
    const text = `${unindexed} events are missing in the index of topics. A hub does without it, which is slower. Restore a backup.`
    return { verdict: 'bad', about: 'events', text }
  }
  const exception =
    unchecked > 0 ? `; ${unchecked} of them have no checksum, as they were stored by an older Headwater` : ''
  return { verdict: 'good', about: 'events', text: `all events are as they were stored${exception}.` }
}

function eventAt(database: DatabaseSync, order: 'ASC' | 'DESC') {
  const row = database.prepare(`SELECT * FROM event ORDER BY position ${order} LIMIT 1`).get()!
  const position = Number(row.position)
  return {
    position,
    total: Number(row.total_events ?? position),
    storedAt: new Date(Number(row.stored_at)).toISOString(),
  }
}

function examineIntegrity(database: DatabaseSync): Finding {
  const problems = database
    .prepare('PRAGMA integrity_check(10)')
    .all()
    .map((row) => String(Object.values(row)[0]))
  if (problems.length === 1 && problems[0] === 'ok') {
    return { verdict: 'good', about: 'integrity', text: 'no damage was found.' }
  }
  const text = `the files are damaged (${problems.join('; ')}). Stop the hub, and restore a backup of the directory.`
  return { verdict: 'bad', about: 'integrity', text }
}

function inMegabytes(bytes: number): string {
  return `${(bytes / 1024 ** 2).toFixed(1)} MiB`
}
