import { parseEventId } from '@headwater/sse/internal'
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

/** The ID under which an event goes on elsewhere; `undefined` for one that only its own history can have. */
export function foreignIdOf({ id }: Pick<ExportedEvent, 'id'>, epoch: string): string | undefined {
  return parseEventId(id)?.epoch === epoch ? undefined : id
}
