import type { DatabaseSync } from 'node:sqlite'

/** Marks a database as Headwater's: `HWTR`. */
export const applicationId = 0x48575452

/**
 * The steps from each version of the schema to the next, the first from nothing. Released steps never change: a new
 * version is a further step. The comments are inside the statements, so that `.schema` in `sqlite3` shows them.
 *
 * A step should not rewrite the events: on a large history that takes long, and as much space again.
 */
export const migrations: readonly string[] = [
  `
  CREATE TABLE history (
    -- One row: what is true of the history as a whole.
    only_row           INTEGER PRIMARY KEY CHECK (only_row = 1),
    epoch              TEXT    NOT NULL, -- names the history: the first part of every event ID
    created_at         INTEGER NOT NULL, -- all times are milliseconds since 1970
    checked_at         INTEGER,          -- when it was last tried whether something can be written here
    trimmed_position   INTEGER NOT NULL, -- the newest trimmed event: it and all before it are gone; 0: none
    trimmed_tag        INTEGER NOT NULL,
    trimmed_bytes      INTEGER NOT NULL, -- its total_bytes
    forgotten_position INTEGER NOT NULL  -- up to here it is not even known which topics the trimmed events had
  ) STRICT;

  CREATE TABLE event (
    position    INTEGER PRIMARY KEY, -- its place in the one sequence over all topics: one more than the event before
    tag         INTEGER NOT NULL,    -- 32 random bits: tells two events apart that a restored backup gave one position
    stored_at   INTEGER NOT NULL,
    total_bytes INTEGER NOT NULL,    -- of all events ever up to and including this one, as retention counts bytes
    topic       TEXT    NOT NULL,    -- the canonical topic
    alternates  TEXT,                -- the further topics, as a JSON array
    is_private  INTEGER NOT NULL,    -- 1: only for subscribers with a right to one of the topics
    id          TEXT,                -- the ID that its publisher chose; without one it goes by epoch, position and tag
    type        TEXT,
    retry_ms    INTEGER,
    data        ANY     NOT NULL     -- text; a blob of UTF-8 if it contains NUL, where readers of text would cut it off
  ) STRICT;

  CREATE INDEX event_id ON event (id) WHERE id IS NOT NULL;

  CREATE TABLE event_topic (
    -- The events of each topic, canonical or alternate.
    topic    TEXT    NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (topic, position)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE trace (
    -- Of trimmed events, by their topics: the newest. Tells a subscriber whether it missed any of its own.
    topics     TEXT    NOT NULL, -- as a JSON array
    is_private INTEGER NOT NULL,
    position   INTEGER NOT NULL,
    PRIMARY KEY (topics, is_private)
  ) STRICT, WITHOUT ROWID;

  CREATE TABLE idempotency (
    -- Keys that publishers used lately, and the event that was stored for each.
    key       TEXT    PRIMARY KEY,
    position  INTEGER NOT NULL,
    tag       INTEGER NOT NULL,
    stored_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;

  CREATE INDEX idempotency_age ON idempotency (stored_at);
  `,
  // Positions may have holes. Until then they had none, which is what the defaults say of older events.
  `
  ALTER TABLE event ADD COLUMN
    holes        INTEGER NOT NULL DEFAULT 0 /* positions before this one that no event ever had */;
  ALTER TABLE event ADD COLUMN
    total_events INTEGER AS (position - holes) VIRTUAL /* all events ever up to and including this one */;
  ALTER TABLE history ADD COLUMN
    trimmed_holes INTEGER NOT NULL DEFAULT 0 /* of the newest trimmed event: its holes */;
  `,
  // Damage is found. What was stored before has no checksums, and is not checked.
  `
  ALTER TABLE event ADD COLUMN
    checksum       INTEGER /* CRC-32 of the event with its place; NULL: stored before there were checksums */;
  ALTER TABLE history ADD COLUMN
    checksum       INTEGER /* CRC-32 of this row, without its times */;
  ALTER TABLE history ADD COLUMN
    trace_checksum INTEGER /* sum of the CRC-32 of each trace */;
  ALTER TABLE idempotency ADD COLUMN
    checksum       INTEGER /* CRC-32 of the key and its event */;
  CREATE TABLE clock_step (
    -- Where the clock had gone back: no event before this position is younger than this one.
    position  INTEGER PRIMARY KEY,
    stored_at INTEGER NOT NULL
  ) STRICT;
  `,
  // The trace in which an event was published is kept with it.
  `
  ALTER TABLE event ADD COLUMN
    trace_context  TEXT /* W3C Trace Context: the traceparent, and after a space the tracestate; NULL: none */;
  `,
]

/** Migrates a database from its version to the newest, in one transaction. */
export function migrate(database: DatabaseSync, fromVersion: number, steps: readonly string[] = migrations): void {
  if (fromVersion >= steps.length) return
  try {
    database.exec('BEGIN IMMEDIATE')
    for (const step of steps.slice(fromVersion)) database.exec(step)
    database.exec(`PRAGMA user_version = ${steps.length}; COMMIT`)
  } catch (error) {
    // After some errors, SQLite has already rolled back.
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}
