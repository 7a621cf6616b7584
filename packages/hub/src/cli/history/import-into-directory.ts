import { HubError } from '../../base/errors.ts'
import { createHubCore, type HubCore } from '../../hub/hub-core.ts'
import type { PreparedEvent } from '../../hub/publish-init.ts'
import { parseTraceContext } from '../../hub/trace-context.ts'
import { openReplica, type RestoringReplica } from '../../store/replica.ts'
import { DirectoryReader } from '../../store/sqlite/directory-reader.ts'
import { openSqliteStore } from '../../store/sqlite.ts'
import type { StoredEvent } from '../../store/store.ts'
import type { ExportedEvent, ExportHeader } from './export-file.ts'
import { foreignIdOf, type Importing, leavesOut } from './importing.ts'
import { assertNoCopy, hasHistory } from './place.ts'

/** How many events are stored together. */
const groupEvents = 500

/**
 * Imports events into the directory of a hub that does not run. An empty one becomes the history that was
 * exported, if the file has all of it; and a part of that history goes on. Any other history gets the
 * events as new ones.
 */
export async function importIntoDirectory(directory: string, importing: Importing): Promise<void> {
  assertNoCopy(directory)
  const { header } = importing
  const found = hasHistory(directory) ? epochIn(directory) : undefined
  if (!header.isPart && (found === undefined || found === header.epoch)) await restore(directory, importing)
  else await append(directory, importing)
}

function epochIn(directory: string): string {
  const reader = new DirectoryReader(directory)
  reader.close()
  return reader.epoch
}

async function restore(directory: string, { header, events, counts, onProgress, say }: Importing): Promise<void> {
  const replica = await openReplica({ directory, epoch: header.epoch, maxBytes: Infinity })
  try {
    const { head } = await replica.bounds()
    const what = head.position === 0 ? 'becomes' : 'goes on with'
    say(`${directory} ${what} the history ${header.epoch}, as far as the file has it.`)
    if (header.after.position > head.position) await replica.trimThrough(header.after)
    let group: StoredEvent[] = []
    const store = async () => {
      await replica.restore(group)
      counts.imported += group.length
      group = []
      onProgress()
    }
    const start = await replica.bounds()
    for await (const { event, line } of events) {
      if (event.position <= start.head.position) await compare(event, line, replica, counts)
      else {
        group.push(toStored(event, header))
        if (group.length === groupEvents) await store()
      }
    }
    if (group.length > 0) await store()
  } finally {
    await replica.close()
  }
}

/** An event that is before the end of what is there must be there, or have been. */
async function compare(
  { position, tag }: ExportedEvent,
  line: number,
  replica: RestoringReplica,
  counts: Importing['counts'],
): Promise<void> {
  const state = await replica.inspect(position)
  if (state.name === 'kept' && state.tag === tag) counts.already++
  else if (state.name === 'trimmed') counts.trimmed++
  else {
    throw new HubError(
      'STORE_FAILED',
      `Line ${line} of the file has another event at position ${position} than the directory: the two went different ways, as after a restored backup. Import into an empty directory.`,
    )
  }
}

function toStored(
  { position, tag, id, at, topics, type, private: isPrivate, retry, data, traceparent, tracestate }: ExportedEvent,
  { epoch }: ExportHeader,
): StoredEvent {
  return {
    position,
    tag,
    storedAt: at,
    topics,
    data,
    isPrivate: isPrivate === true,
    id: foreignIdOf({ id }, epoch),
    type,
    retryMs: retry,
    traceContext: parseTraceContext(traceparent, tracestate),
  }
}

async function append(directory: string, { events, counts, onProgress, say }: Importing): Promise<void> {
  const store = await openSqliteStore({ directory, maxBytes: Infinity })
  const hub = await createHubCore({ store, acceptsJoiners: () => true })
  try {
    let group: PreparedEvent[] = []
    const flush = async () => {
      for (const result of await hub.appendEach(group)) {
        if (result.status === 'fulfilled') counts.imported++
        else if (result.reason instanceof HubError && result.reason.code === 'EVENT_ID_TAKEN') counts.already++
        else throw result.reason
      }
      group = []
      onProgress()
    }
    for await (const { event, line } of events) {
      const prepared = prepare(event, store.epoch, hub, counts, (why) => say(`line ${line} was not imported: ${why}`))
      if (prepared) group.push(prepared)
      if (group.length === groupEvents) await flush()
    }
    await flush()
  } finally {
    await hub.close({ deadlineMs: 1000 })
    await store.close()
  }
}

function prepare(
  event: ExportedEvent,
  epoch: string,
  hub: HubCore,
  counts: Importing['counts'],
  onRefused: (why: string) => void,
): PreparedEvent | undefined {
  const { topics, type, private: isPrivate, retry, data, traceparent, tracestate } = event
  if (leavesOut(event, counts)) return undefined
  const id = foreignIdOf(event, epoch)
  if (id === undefined) {
    counts.trimmed++
    return undefined
  }
  try {
    return hub.prepare({ topic: topics, id, type, private: isPrivate, retry, data, traceparent, tracestate })
  } catch (error) {
    if (!(error instanceof HubError)) throw error
    counts.refused++
    onRefused(error.message)
    return undefined
  }
}
