import type { Connection, Query } from './connection.ts'
import { eventColumns } from './event-row.ts'
import type { CheckedRow } from './event-tuples.ts'

type Prepare = <Row extends readonly unknown[] = never>(sql: string) => Query<Row>

/** The statements of a {@link HistoryLog}. */
export function prepareStatements(connection: Connection) {
  const prepare: Prepare = (sql) => connection.prepare(sql)
  return {
    insertHistory: prepare(
      `INSERT OR IGNORE INTO history
        (only_row, epoch, created_at, trimmed_position, trimmed_tag, trimmed_bytes, forgotten_position)
      VALUES (1, ?, ?, 0, 0, 0, 0)`,
    ),
    selectHistory: prepare<
      [
        epoch: string,
        position: number,
        tag: number,
        totalBytes: number,
        holes: number,
        forgottenPosition: number,
        traceChecksum: number | null,
        checksum: number | null,
      ]
    >(
      `SELECT epoch, trimmed_position, trimmed_tag, trimmed_bytes, trimmed_holes, forgotten_position, trace_checksum, checksum
      FROM history`,
    ),
    updateChecked: prepare('UPDATE history SET checked_at = ?'),
    updateHistory: prepare(
      `UPDATE history SET trimmed_position = ?, trimmed_tag = ?, trimmed_bytes = ?, trimmed_holes = ?, forgotten_position = ?,
        trace_checksum = ?, checksum = ?`,
    ),
    insertEvent: prepare(
      `INSERT INTO event (position, tag, topic, alternates, is_private, id, type, retry_ms, data, stored_at, trace_context, total_bytes, holes, checksum)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    ),
    insertTopic: prepare('INSERT OR IGNORE INTO event_topic VALUES (?, ?)'),
    selectNewest: prepare<CheckedRow>(`SELECT ${eventColumns} FROM event ORDER BY position DESC`),
    selectEarliest: prepare<[position: number, tag: number, storedAt: number]>(
      'SELECT position, tag, stored_at FROM event ORDER BY position LIMIT 1',
    ),
    findId: prepare<CheckedRow>(`SELECT ${eventColumns} FROM event WHERE id = ? ORDER BY position LIMIT 1`),
    selectOldest: prepare<CheckedRow>(`SELECT ${eventColumns} FROM event ORDER BY position`),
    deleteEvents: prepare('DELETE FROM event WHERE position <= ?'),
    selectAfter: prepare<[position: number, topic: string, alternates: string | null]>(
      'SELECT position, topic, alternates FROM event WHERE position > ?',
    ),
    deleteAfter: prepare('DELETE FROM event WHERE position > ?'),
    deleteTopic: prepare('DELETE FROM event_topic WHERE topic = ? AND position = ?'),
    selectSteps: prepare<[position: number, storedAt: number]>(
      'SELECT position, stored_at FROM clock_step ORDER BY position',
    ),
    insertStep: prepare('INSERT OR REPLACE INTO clock_step VALUES (?, ?)'),
    deleteLaterSteps: prepare('DELETE FROM clock_step WHERE stored_at >= ?'),
    deleteSteps: prepare('DELETE FROM clock_step WHERE position <= ?'),
  }
}
