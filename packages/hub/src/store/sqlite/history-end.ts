import type { Loss } from '../history/history-log.ts'

/** Whether the history in the database goes as far as events were acknowledged. */
export type HistoryEnd =
  /**
   * It does. `isExact`: the record of what was acknowledged was not behind. Otherwise it may have
   * been: the machine has restarted since, or a part of the record is damaged.
   */
  | { readonly name: 'reached'; readonly position: number; readonly isExact: boolean }
  /** Acknowledged events are not there. */
  | ({ readonly name: 'lost' } & Loss)
  /** The database has another history than the one with the acknowledged events. */
  | { readonly name: 'replaced'; readonly epoch: string; readonly position: number }
  /** There is no record, or it is damaged. */
  | { readonly name: 'unknown' }

/** What that means, for an operator. */
export function describeEnd(end: HistoryEnd): string {
  switch (end.name) {
    case 'reached':
      if (end.isExact) return `The history goes to position ${end.position}, the last one that was acknowledged.`
      return (
        `The history goes to position ${end.position}, the last one that is recorded as acknowledged. The record may be a second ` +
        'older than that: the machine has restarted since, or a part of the record is damaged.'
      )
    case 'lost':
      return (
        `${end.through - end.after} acknowledged events are missing, from position ${end.after + 1} to ${end.through}: the files were ` +
        'damaged or cut off, or are those of an older backup. Subscribers that return from before are told of a gap. To get the ' +
        'events back, stop the hub, and restore a newer backup.'
      )
    case 'replaced':
      return (
        `The database is another one than before: the history ${end.epoch}, in which events were acknowledged up to position ` +
        `${end.position}, is not here. Its subscribers are told of a gap. If that is a mistake, stop the hub, and restore a backup.`
      )
    case 'unknown':
      return 'How far events were acknowledged is not recorded, or the record is damaged, so nothing can be compared.'
  }
}
