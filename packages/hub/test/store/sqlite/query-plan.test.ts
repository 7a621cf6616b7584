import { DatabaseSync } from 'node:sqlite'
import { expect, test, vi } from 'vitest'
import { eventColumns } from '../../../src/store/history/event-row.ts'
import { EventLog } from '../../../src/store/sqlite/event-log.ts'
import { temporaryDirectory } from '../../temporary-directory.ts'

test('no statement of the history goes through all of a table, but where it stops at the first row it wants', () => {
  const prepare = vi.spyOn(DatabaseSync.prototype, 'prepare')
  const directory = temporaryDirectory()
  const bounds = { maxAgeMs: Infinity, maxEvents: Infinity, maxBytes: Infinity, idempotencyMs: 1000 }
  const log = new EventLog({ directory, durability: 'full', newEpoch: 'abcdefghij', openedAt: 0, ...bounds })
  const statements = prepare.mock.calls.map(([sql]) => sql.replace(/\s+/g, ' '))
  prepare.mockRestore()
  const database = new DatabaseSync(`${directory}/headwater.db`)
  const scans = statements
    .filter((sql) => /^(SELECT|INSERT|UPDATE|DELETE)/.test(sql) && !sql.includes('sqlite_schema'))
    .filter((sql) => {
      const plan = database.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(...Array.from(sql.matchAll(/\?/g), () => 1)) as {
        detail: string
      }[]
      // A temporary B-tree is a sort: all that is found has to be read before the first is given.
      return plan.some(({ detail }) => /^SCAN|TEMP B-TREE/.test(detail))
    })
  database.close()
  log.close()
  expect(statements.length).toBeGreaterThan(20)
  expect(scans).toEqual([
    // One row.
    'SELECT epoch, trimmed_position, trimmed_tag, trimmed_bytes, trimmed_holes, forgotten_position, trace_checksum, checksum FROM history',
    'UPDATE history SET checked_at = ?',
    'UPDATE history SET trimmed_position = ?, trimmed_tag = ?, trimmed_bytes = ?, trimmed_holes = ?, forgotten_position = ?, trace_checksum = ?, checksum = ?',
    // By the key, from one end, as far as is wanted.
    `SELECT ${eventColumns} FROM event ORDER BY position DESC`,
    'SELECT position, tag, stored_at FROM event ORDER BY position LIMIT 1',
    `SELECT ${eventColumns} FROM event ORDER BY position`,
    // A row for each time that the clock had gone back.
    'SELECT position, stored_at FROM clock_step ORDER BY position',
    'DELETE FROM clock_step WHERE stored_at >= ?',
    // At the start, and of no more than are kept.
    'SELECT position, topics, is_private FROM trace ORDER BY position',
    'SELECT count(*) FROM idempotency',
    // By the time, from one end, as far as is wanted.
    'DELETE FROM idempotency WHERE key IN (SELECT key FROM idempotency ORDER BY stored_at LIMIT ?)',
  ])
})
