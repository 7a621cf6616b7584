import { randomUUID } from 'node:crypto'
import type { Client } from 'pg'
import { withTimeout } from '../../base/with-timeout.ts'

/** How long the second client may wait for a connection, in milliseconds. A full pool by session lets it. */
const beginMs = 2000
/** How long the first one may wait for an answer, in milliseconds: longer than any server takes. */
const answerMs = 5000

/**
 * Whether a pooler gives its clients a connection for a transaction only, so that no session lasts.
 * Found with a second client of the same pooler, whose transaction takes a connection away: by
 * session, what the first client has set stays with it, and with it alone. If the second client gets
 * no connection in time, the pool is full, and nothing is found.
 */
export async function isPooledByTransaction(first: Client, second: Client): Promise<boolean> {
  const mark = randomUUID()
  await first.query("SELECT set_config('headwater.session', $1, false)", [mark])
  try {
    const begun = await withTimeout(beginMs, begin(second), undefined)
    if (begun === undefined) return false
    // While the second client has the only connection, the first one waits, which it never does by session.
    const own = await withTimeout(answerMs, markOf(first), undefined)
    return begun === mark || own !== mark
  } finally {
    second.end().catch(() => {})
  }
}

async function begin(client: Client): Promise<string> {
  await client.connect()
  await client.query('BEGIN')
  return await markOf(client)
}

async function markOf(client: Client): Promise<string> {
  const { rows } = await client.query("SELECT coalesce(current_setting('headwater.session', true), '') AS mark")
  return rows[0].mark as string
}
