import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { openSqliteStore } from '../../src/store/sqlite.ts'

/** So many events that looking at each would be noticed. */
export const million = 1_000_000

/**
 * Fills a directory with a history of a million events, by SQL, which takes seconds where publishing takes minutes: number `p` has the
 * data `event p` and the topic of {@link topicOf}, and the ID `urn:p` if `p` ends in 50. `urn:twice` is the ID of two.
 */
export async function writeMillionEvents(directory: string): Promise<void> {
  const store = await openSqliteStore({ directory })
  await store.close()
  const database = new DatabaseSync(join(directory, 'headwater.db'))
  database.exec(`
    PRAGMA synchronous = OFF;
    BEGIN;
    WITH RECURSIVE number(p) AS (SELECT 1 UNION ALL SELECT p + 1 FROM number WHERE p < ${million})
    INSERT INTO event (position, tag, stored_at, total_bytes, topic, is_private, id, data)
    SELECT
      p, (p * 2654435761) % 4294967296, ${Date.now()}, p * 240,
      'https://example.com/' || CASE WHEN p % 1000 = 0 THEN 'rare/' || (p % 7) ELSE 'rooms/' || (p % 10) END,
      0,
      CASE WHEN p IN (${twice.join()}) THEN 'urn:twice' WHEN p % 100 = 50 THEN 'urn:' || p END,
      'event ' || p
    FROM number;
    INSERT INTO event_topic SELECT topic, position FROM event ORDER BY topic, position;
    COMMIT;
  `)
  database.close()
}

/** The numbers of the two events with one ID. */
export const twice = [500_001, 999_991] as const

export function topicOf(number: number): string {
  return `https://example.com/${number % 1000 === 0 ? `rare/${number % 7}` : `rooms/${number % 10}`}`
}
