import { parseEventId } from '@headwater/sse/internal'
import { hubEventType, streamEventPrefix } from '../../store/store.ts'
import type { ExportedEvent, ExportHeader } from './export-file.ts'

/** What became of the events of a file. */
export interface ImportCounts {
  imported: number
  /** Those that were there. */
  already: number
  /** Those of this very history that it has trimmed. */
  trimmed: number
  /** Events of a hub about its subscriptions, which no other may publish. */
  reports: number
  /** Records of streams with an end: those go on only in a history that is theirs. */
  streamRecords: number
  /** Those that the hub refused. */
  refused: number
}

/** How events are imported, and what is said meanwhile. */
export interface Importing {
  readonly header: ExportHeader
  readonly events: AsyncIterable<{ readonly event: ExportedEvent; readonly line: number }>
  readonly counts: ImportCounts
  /** Shows how far it is. */
  readonly onProgress: () => void
  /** Says something that stays. */
  readonly say: (text: string) => void
}

/** Counts an event that only a hub itself writes, and that is left out; `false` for any other event. */
export function leavesOut({ type }: Pick<ExportedEvent, 'type'>, counts: ImportCounts): boolean {
  // A hub reports its own subscriptions, and nobody may report them for it.
  if (type === hubEventType) counts.reports++
  else if (type?.startsWith(streamEventPrefix)) counts.streamRecords++
  else return false
  return true
}

/** The ID under which an event goes on elsewhere; `undefined` for one that only its own history can have. */
export function foreignIdOf({ id }: Pick<ExportedEvent, 'id'>, epoch: string): string | undefined {
  return parseEventId(id)?.epoch === epoch ? undefined : id
}
