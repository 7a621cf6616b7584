/** The version of the tables and functions that {@link schemaSql} makes. */
export const schemaVersion = 2

/** A node that was not seen for this long, in seconds, was away: it does not judge who else is dead. */
export const steadyGapSeconds = 10

/** Nodes speak to the engine in the names of their schema, so that one database can hold several hubs. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** The channel on which an engine tells its nodes that there is something new, and which node it is from. */
export function channelOf(schema: string): string {
  return `headwater:${schema}`
}

/** The name of the lock that the elected node holds. */
export function electionOf(schema: string): string {
  return `headwater elected ${schema}`
}

/**
 * Returns the SQL that makes the tables and functions of a history in its schema. Runs in one
 * transaction, in a schema that does not exist or is empty.
 *
 * The head row is held from the first position of a batch to its commit. So positions are committed
 * in their order, and a node that has read up to one never has to look back.
 */
export function schemaSql(schema: string): string {
  const name = quoteName(schema)
  const text = (value: string) => `'${value.replaceAll("'", "''")}'`
  return `
CREATE SCHEMA IF NOT EXISTS ${name};
SET LOCAL search_path = ${name};

CREATE TABLE history (
  only_row   boolean     PRIMARY KEY DEFAULT true CHECK (only_row),
  version    integer     NOT NULL,
  epoch      text        NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE history IS 'One row: the name of the history, which is the first part of every event ID.';

CREATE TABLE head (
  only_row     boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  position     bigint  NOT NULL,
  tag          bigint  NOT NULL,
  total_bytes  bigint  NOT NULL,
  total_events bigint  NOT NULL
) WITH (fillfactor = 10);
COMMENT ON TABLE head IS 'One row: the newest event. Whoever gives positions locks it until commit.';

CREATE TABLE trimmed (LIKE head INCLUDING ALL);
COMMENT ON TABLE trimmed IS 'One row: the newest trimmed event. It and all events before it are gone.';

CREATE TABLE event (
  position     bigint  PRIMARY KEY,
  tag          bigint  NOT NULL,
  stored_at    bigint  NOT NULL,
  total_bytes  bigint  NOT NULL,
  total_events bigint  NOT NULL,
  topic        text    NOT NULL,
  alternates   text[],
  is_private   boolean NOT NULL,
  id           text,
  type         text,
  retry_ms     bigint,
  data         text    NOT NULL,
  is_escaped   boolean NOT NULL,
  trace_context text
);
COMMENT ON COLUMN event.tag IS '32 random bits: tells two events apart that a restored backup gave one position.';
COMMENT ON COLUMN event.stored_at IS 'Milliseconds since 1970, by the clock of the server.';
COMMENT ON COLUMN event.trace_context IS 'W3C Trace Context: the traceparent, and after a space the tracestate.';
COMMENT ON COLUMN event.is_escaped IS 'Whether data is a JSON string, because it contains NUL, which text cannot.';
CREATE INDEX event_id ON event (id) WHERE id IS NOT NULL;
CREATE INDEX event_age ON event USING brin (stored_at) WITH (autosummarize = on);

CREATE TABLE idempotency (
  key       text   PRIMARY KEY,
  position  bigint NOT NULL,
  tag       bigint NOT NULL,
  stored_at bigint NOT NULL
);
CREATE INDEX idempotency_age ON idempotency (stored_at);

CREATE TABLE node (
  id         uuid   PRIMARY KEY,
  name       text   NOT NULL,
  seen_at    timestamptz NOT NULL DEFAULT clock_timestamp(),
  steady_since timestamptz NOT NULL DEFAULT clock_timestamp(),
  last_batch bigint NOT NULL DEFAULT 0,
  positions  bigint[],
  tags       bigint[]
);
COMMENT ON TABLE node IS 'The hubs, and the outcome of the last batch of each: its answer may have been lost.';
COMMENT ON COLUMN node.steady_since IS 'Since when it was seen without a gap: then it may judge who else is dead.';

CREATE UNLOGGED TABLE node_note (
  node    uuid        NOT NULL,
  part    integer     NOT NULL,
  left_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  note    bytea       NOT NULL,
  PRIMARY KEY (node, part)
) WITH (fillfactor = 50);
ALTER TABLE node_note ALTER note SET STORAGE EXTERNAL;
COMMENT ON TABLE node_note IS 'What each hub lets the others know once a second: how many streams each holder of a token has.';

CREATE TABLE outbox (
  xid        xid8    NOT NULL DEFAULT pg_current_xact_id(),
  seq        bigint  GENERATED ALWAYS AS IDENTITY,
  topic      text    NOT NULL,
  alternates text[],
  is_private boolean NOT NULL,
  id         text,
  type       text,
  retry_ms   bigint,
  data       text    NOT NULL,
  PRIMARY KEY (xid, seq)
);
CREATE INDEX outbox_id ON outbox (id) WHERE id IS NOT NULL;
COMMENT ON TABLE outbox IS 'What publish() was called with, until the elected node gives it positions.';

CREATE TABLE publish_right (
  role    name NOT NULL,
  pattern text NOT NULL,
  PRIMARY KEY (role, pattern)
);
COMMENT ON TABLE publish_right IS 'Who may publish() on what: a topic, or a prefix and *. Superusers and the owner may do anything.';

INSERT INTO history (version, epoch) VALUES (${schemaVersion}, (
  SELECT string_agg(substr('0123456789abcdefghijklmnopqrstuvwxyz', 1 + (get_byte(bytes, n) % 36), 1), '')
  FROM (SELECT decode(replace(gen_random_uuid()::text || gen_random_uuid()::text, '-', ''), 'hex') AS bytes) AS random,
    unnest(ARRAY[0, 1, 2, 3, 4, 5, 9, 10, 11, 12]) AS n
));
INSERT INTO head (position, tag, total_bytes, total_events) VALUES (0, 0, 0, 0);
INSERT INTO trimmed (position, tag, total_bytes, total_events) VALUES (0, 0, 0, 0);

CREATE FUNCTION now_ms() RETURNS bigint LANGUAGE sql VOLATILE SET search_path = ${name}, pg_temp
AS $$ SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint $$;

${appendBatchSql(schema)}

CREATE FUNCTION refused_groups(p_ids text[], p_keys text[], p_groups integer[], p_keys_since bigint) RETURNS integer[]
LANGUAGE plpgsql SET search_path = ${name}, pg_temp AS $$
-- The groups of a batch in which an event has the ID of another: of one that is kept, or one that the batch stores before.
DECLARE
  refused integer[] := '{}';
  ids text[] := '{}';
  keys text[] := '{}';
  own_ids text[];
  own_keys text[];
  current integer;
  each record;
BEGIN
  FOR each IN
    SELECT p_ids[i] AS id, p_keys[i] AS key, p_groups[i] AS member,
      EXISTS (SELECT FROM event WHERE event.id = p_ids[i]) AS is_kept
    FROM generate_subscripts(p_ids, 1) AS i
    WHERE p_ids[i] IS NOT NULL
      AND NOT EXISTS (SELECT FROM idempotency AS k WHERE k.key = p_keys[i] AND k.stored_at > p_keys_since)
    ORDER BY i
  LOOP
    IF each.member IS DISTINCT FROM current THEN
      IF current <> ALL (refused) THEN
        ids := ids || own_ids;
        keys := keys || own_keys;
      END IF;
      current := each.member;
      own_ids := '{}';
      own_keys := '{}';
    END IF;
    CONTINUE WHEN current = ANY (refused);
    -- The same event twice, by its key, is stored once.
    IF each.is_kept OR EXISTS (
      SELECT FROM unnest(ids || own_ids, keys || own_keys) AS before (id, key)
      WHERE before.id = each.id AND (before.key = each.key) IS NOT TRUE
    ) THEN
      refused := refused || current;
    ELSE
      own_ids := own_ids || each.id;
      own_keys := own_keys || each.key;
    END IF;
  END LOOP;
  RETURN refused;
END $$;

CREATE FUNCTION sequence_outbox(p_snapshot pg_snapshot, p_limit integer)
RETURNS TABLE (taken integer, snapshot pg_snapshot)
LANGUAGE plpgsql SET search_path = ${name}, pg_temp AS $$
-- Gives positions to what was published in transactions that have ended. Looks at those that were under way at
-- the last snapshot, and at later ones: so the remains of rows that were taken cost nothing, however long
-- a transaction stays open. The rows of a transaction stay in order, as they are found together.
DECLARE
  last head%ROWTYPE;
  result record;
BEGIN
  snapshot := pg_current_snapshot();
  taken := 0;
  IF NOT EXISTS (
    SELECT FROM outbox WHERE p_snapshot IS NULL OR xid >= pg_snapshot_xmax(p_snapshot)
      OR xid IN (SELECT pg_snapshot_xip(p_snapshot))
  ) THEN
    RETURN NEXT;
    RETURN;
  END IF;
  SELECT * INTO last FROM head FOR UPDATE;
  WITH found AS MATERIALIZED (
    SELECT xid, seq FROM outbox
    WHERE p_snapshot IS NULL OR xid >= pg_snapshot_xmax(p_snapshot) OR xid IN (SELECT pg_snapshot_xip(p_snapshot))
    ORDER BY seq LIMIT p_limit
  ), gone AS (
    DELETE FROM outbox USING found WHERE outbox.xid = found.xid AND outbox.seq = found.seq RETURNING outbox.*
  ), numbered AS (
    SELECT *, row_number() OVER (ORDER BY seq) AS i,
      200 + octet_length(data) + octet_length(topic) + coalesce(octet_length(id), 0) + coalesce(octet_length(type), 0)
        + coalesce((SELECT sum(octet_length(a)) FROM unnest(alternates) AS a), 0) AS bytes
    FROM gone
  ), added AS (
    INSERT INTO event
      SELECT last.position + i, ('x' || substr(md5(gen_random_uuid()::text), 1, 8))::bit(32)::bigint & 4294967295, now_ms(),
        last.total_bytes + sum(bytes) OVER (ORDER BY i), last.total_events + i, topic, alternates, is_private,
        -- publish() refuses an ID that is taken. Of two that did not see each other, one gets an ID of the hub.
        CASE WHEN NOT EXISTS (SELECT FROM event AS e WHERE e.id = numbered.id)
          AND row_number() OVER (PARTITION BY id ORDER BY i) = 1 THEN id END, type, retry_ms, data, false
      FROM numbered
      RETURNING position, tag, total_bytes, total_events
  )
  SELECT * INTO result FROM (SELECT *, count(*) OVER () AS count FROM added) AS a ORDER BY position DESC LIMIT 1;
  IF FOUND THEN
    taken := result.count;
    UPDATE head SET position = result.position, tag = result.tag, total_bytes = result.total_bytes,
      total_events = result.total_events;
    PERFORM pg_notify(${text(channelOf(schema))}, 'outbox');
  END IF;
  IF taken >= p_limit THEN
    -- There may be more: it is looked for from the same snapshot.
    snapshot := p_snapshot;
  END IF;
  RETURN NEXT;
END $$;

CREATE FUNCTION trim_events(p_through bigint, p_before bigint, p_max_events bigint, p_max_bytes bigint, p_limit integer)
RETURNS TABLE (is_done boolean, through bigint)
LANGUAGE plpgsql SET search_path = ${name}, pg_temp AS $$
-- Drops the oldest events that are not to be kept, up to a position, as many as one step drops.
DECLARE
  newest head%ROWTYPE;
  last trimmed%ROWTYPE;
  expired bigint;
  mark record;
BEGIN
  SELECT * INTO last FROM trimmed FOR UPDATE;
  SELECT * INTO newest FROM head;
  -- An event whose time is wrong does not keep those behind it.
  SELECT max(position) INTO expired FROM event WHERE stored_at <= p_before;
  SELECT * INTO mark FROM (
    SELECT position, tag, total_bytes, total_events, row_number() OVER by_position AS i,
      lag(total_bytes, 1, last.total_bytes) OVER by_position AS bytes_before
    FROM (SELECT * FROM event ORDER BY position LIMIT p_limit) AS oldest
    WINDOW by_position AS (ORDER BY position)
  ) AS oldest
  WHERE position <= coalesce(p_through, position) AND (position <= expired
    OR total_events <= newest.total_events - p_max_events OR bytes_before < newest.total_bytes - p_max_bytes)
  ORDER BY position DESC LIMIT 1;
  is_done := coalesce(mark.i, 0) < p_limit;
  through := mark.position;
  IF through IS NOT NULL THEN
    DELETE FROM event WHERE position <= through;
    UPDATE trimmed SET position = mark.position, tag = mark.tag, total_bytes = mark.total_bytes,
      total_events = mark.total_events;
    PERFORM pg_notify(${text(channelOf(schema))}, 'trimmed');
  END IF;
  RETURN NEXT;
END $$;

CREATE FUNCTION may_publish(p_topic text) RETURNS boolean
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = ${name}, pg_temp AS $$
  WITH caller AS (
    SELECT coalesce(nullif(current_setting('role', true), 'none'), session_user::text)::name AS role
  )
  SELECT (SELECT pg_has_role(caller.role, n.nspowner, 'USAGE') FROM pg_namespace AS n WHERE n.nspname = ${text(schema)})
    OR EXISTS (
      SELECT FROM publish_right AS r
      WHERE r.role IN (SELECT rolname FROM pg_roles)
        AND pg_has_role(caller.role, r.role, 'USAGE')
        AND (p_topic = r.pattern OR (right(r.pattern, 1) = '*' AND starts_with(p_topic, left(r.pattern, -1))))
    )
  FROM caller
$$;

CREATE FUNCTION publish(
  topic text, data text, type text DEFAULT NULL, private boolean DEFAULT false, id text DEFAULT NULL,
  retry bigint DEFAULT NULL, alternates text[] DEFAULT NULL
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = ${name}, pg_temp AS $$
DECLARE
  each text;
BEGIN
  IF publish.data IS NULL THEN
    RAISE EXCEPTION 'data is NULL' USING ERRCODE = '22004', HINT = 'An event without data is not delivered. Pass '''' for empty data.';
  END IF;
  IF publish.topic IS NULL THEN
    RAISE EXCEPTION 'topic is NULL' USING ERRCODE = '22004', HINT = 'Name the topic of the event.';
  END IF;
  FOREACH each IN ARRAY publish.topic || coalesce(publish.alternates, '{}') LOOP
    IF each IS NULL OR each = '' OR each = '*' OR octet_length(each) > 4096 OR each ~ '[\\u0001-\\u001f\\u007f-\\u009f]' THEN
      RAISE EXCEPTION 'topic % is not valid', coalesce(quote_literal(left(each, 80)), 'NULL')
        USING ERRCODE = '22023', HINT = 'A topic is text of 1 to 4096 bytes without control characters, and not *.';
    END IF;
    IF each ILIKE '%well-known%' THEN
      RAISE EXCEPTION 'topic % is reserved', quote_literal(left(each, 80))
        USING ERRCODE = '22023', HINT = 'The hub itself publishes there.';
    END IF;
    IF NOT may_publish(each) THEN
      RAISE EXCEPTION 'role % may not publish on topic %', coalesce(nullif(current_setting('role', true), 'none'), session_user::text),
        quote_literal(left(each, 80))
        USING ERRCODE = '42501', HINT = format('As the owner: SELECT %I.allow_publish(role, topic)', ${text(schema)});
    END IF;
  END LOOP;
  IF publish.type ~ '[\\u0001-\\u001f\\u007f]' OR publish.type LIKE 'headwater-%' THEN
    RAISE EXCEPTION 'type % is not valid', quote_literal(left(publish.type, 80))
      USING ERRCODE = '22023', HINT = 'A type has no control characters, and does not begin with headwater-.';
  END IF;
  IF publish.id = '' OR publish.id ~ '[\\u0001-\\u001f\\u007f]' OR publish.id = 'earliest' OR publish.id ~ '^-[0-9]+$'
    OR publish.id LIKE 'headwater-%' OR publish.id LIKE '#%' THEN
    RAISE EXCEPTION 'id % is not valid', quote_literal(left(publish.id, 80))
      USING ERRCODE = '22023', HINT = 'Leave the id out: the hub makes one that resumes exactly.';
  END IF;
  IF EXISTS (SELECT FROM event AS e WHERE e.id = publish.id) OR EXISTS (SELECT FROM outbox AS o WHERE o.id = publish.id) THEN
    RAISE EXCEPTION 'id % is taken', quote_literal(left(publish.id, 80)) USING ERRCODE = '23505',
      HINT = 'An event that is kept has it. Choose another, or leave it out.';
  END IF;
  IF publish.retry < 0 THEN
    RAISE EXCEPTION 'retry % is not valid', publish.retry USING ERRCODE = '22023', HINT = 'Pass milliseconds, 0 or more.';
  END IF;
  INSERT INTO outbox (topic, alternates, is_private, id, type, retry_ms, data)
    VALUES (publish.topic, nullif(publish.alternates, '{}'), coalesce(publish.private, false), publish.id,
      nullif(publish.type, ''), publish.retry, publish.data);
END $$;

CREATE FUNCTION publish(
  topic text, data jsonb, type text DEFAULT NULL, private boolean DEFAULT false, id text DEFAULT NULL,
  retry bigint DEFAULT NULL, alternates text[] DEFAULT NULL
) RETURNS void LANGUAGE sql SET search_path = ${name}, pg_temp
AS $$ SELECT publish($1, $2::text, $3, $4, $5, $6, $7) $$;

CREATE FUNCTION publish(
  topic text, data json, type text DEFAULT NULL, private boolean DEFAULT false, id text DEFAULT NULL,
  retry bigint DEFAULT NULL, alternates text[] DEFAULT NULL
) RETURNS void LANGUAGE sql SET search_path = ${name}, pg_temp
AS $$ SELECT publish($1, $2::text, $3, $4, $5, $6, $7) $$;

CREATE FUNCTION allow_publish(role name, pattern text) RETURNS void
LANGUAGE plpgsql SET search_path = ${name}, pg_temp AS $$
-- Lets a role publish on a topic, or on all topics that begin as a pattern with * at its end does.
BEGIN
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO %I', ${text(schema)}, role);
  EXECUTE format('GRANT EXECUTE ON FUNCTION %1$I.publish(text, text, text, boolean, text, bigint, text[]), '
    '%1$I.publish(text, jsonb, text, boolean, text, bigint, text[]), '
    '%1$I.publish(text, json, text, boolean, text, bigint, text[]) TO %2$I', ${text(schema)}, role);
  INSERT INTO publish_right VALUES (role, pattern) ON CONFLICT DO NOTHING;
END $$;

REVOKE ALL ON ALL FUNCTIONS IN SCHEMA ${name} FROM PUBLIC;
REVOKE ALL ON ALL TABLES IN SCHEMA ${name} FROM PUBLIC;
`
}

/**
 * Returns the SQL that brings the tables of version 1 up to date. Hubs of that version that are running
 * go on: they call the new function with one parameter less. Runs in one transaction.
 */
export function migrationSql(schema: string): string {
  const name = quoteName(schema)
  return `
SET LOCAL search_path = ${name};
ALTER TABLE event ADD COLUMN trace_context text;
COMMENT ON COLUMN event.trace_context IS 'W3C Trace Context: the traceparent, and after a space the tracestate.';
ALTER FUNCTION append_batch(${firstParameters}) RENAME TO append_batch_1;
${appendBatchSql(schema)}
REVOKE ALL ON FUNCTION append_batch(${firstParameters}, text[]) FROM PUBLIC;
DO $$
DECLARE
  grantee text;
BEGIN
  FOR grantee IN
    SELECT DISTINCT a.grantee::regrole::text FROM pg_proc AS p, aclexplode(p.proacl) AS a
    WHERE p.oid = 'append_batch_1'::regproc AND a.grantee <> 0 AND a.grantee <> p.proowner
  LOOP
    EXECUTE 'GRANT EXECUTE ON FUNCTION append_batch(${firstParameters}, text[]) TO ' || grantee;
  END LOOP;
END $$;
DROP FUNCTION append_batch_1(${firstParameters});
UPDATE history SET version = ${schemaVersion};
`
}

/** The types of the parameters that `append_batch` has had since version 1. */
const firstParameters =
  'uuid, bigint, bigint, bigint, text[], text[], boolean[], text[], text[], bigint[], text[], boolean[], bigint[], bigint[], text[], integer[]'

function appendBatchSql(schema: string): string {
  const name = quoteName(schema)
  const text = (value: string) => `'${value.replaceAll("'", "''")}'`
  return `
CREATE FUNCTION append_batch(
  p_node uuid, p_batch bigint, p_at bigint, p_keys_ms bigint,
  p_topics text[], p_alternates text[], p_private boolean[], p_ids text[], p_types text[], p_retries bigint[],
  p_data text[], p_escaped boolean[], p_tags bigint[], p_bytes bigint[], p_keys text[], p_groups integer[], p_traces text[] DEFAULT NULL
) RETURNS TABLE (positions bigint[], tags bigint[], previous_position bigint, previous_tag bigint)
LANGUAGE plpgsql SET search_path = ${name}, pg_temp AS $$
-- Gives positions to the events of a batch. p_groups says which of them are stored together or not at all; it is
-- NULL if no event has a key or an ID. An event that was not stored, because an ID of its group is taken, has no position.
DECLARE
  n integer := cardinality(p_data);
  at bigint := coalesce(p_at, now_ms());
  sender node%ROWTYPE;
  last head%ROWTYPE;
  added integer[];
  refused integer[] := '{}';
BEGIN
  SELECT * INTO sender FROM node WHERE node.id = p_node FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'node % is not registered', p_node USING ERRCODE = 'HW001';
  END IF;
  IF sender.last_batch = p_batch THEN
    RETURN QUERY SELECT sender.positions, sender.tags, NULL::bigint, NULL::bigint;
    RETURN;
  END IF;
  IF sender.last_batch > p_batch THEN
    RAISE EXCEPTION 'batch % of node % comes after batch %', p_batch, p_node, sender.last_batch USING ERRCODE = 'HW002';
  END IF;

  SELECT * INTO last FROM head FOR UPDATE;
  previous_position := last.position;
  previous_tag := last.tag;
  IF p_groups IS NULL THEN
    positions := ARRAY(SELECT last.position + i FROM generate_series(1, n) AS i);
    tags := p_tags;
    INSERT INTO event
      SELECT last.position + i, tag, at, last.total_bytes + sum(bytes) OVER (ORDER BY i), last.total_events + i,
        topic, alternates::text[], private, id, type, retry, data, escaped, p_traces[i]
      FROM unnest(p_topics, p_alternates, p_private, p_ids, p_types, p_retries, p_data, p_escaped, p_tags, p_bytes)
        WITH ORDINALITY AS e (topic, alternates, private, id, type, retry, data, escaped, tag, bytes, i);
    last.total_bytes := last.total_bytes + (SELECT sum(bytes) FROM unnest(p_bytes) AS bytes);
    last.tag := p_tags[n];
  ELSE
    refused := refused_groups(p_ids, p_keys, p_groups, at - p_keys_ms);
    -- A key that is known, or is in the batch before, gives its first position.
    WITH given AS (
      SELECT i, k.position AS known, k.tag AS known_tag, p_groups[i] = ANY (refused) AS is_refused,
        CASE WHEN p_keys[i] IS NULL THEN i
          ELSE min(i) FILTER (WHERE p_groups[i] <> ALL (refused)) OVER (PARTITION BY p_keys[i]) END AS first
      FROM generate_series(1, n) AS i
      LEFT JOIN idempotency AS k ON k.key = p_keys[i] AND k.stored_at > at - p_keys_ms
    ), placed AS (
      SELECT *, known IS NULL AND first = i AND NOT is_refused AS is_new,
        last.position + count(*) FILTER (WHERE known IS NULL AND first = i AND NOT is_refused) OVER (ORDER BY i) AS place
      FROM given
    )
    SELECT array_agg(CASE WHEN NOT p.is_refused THEN coalesce(p.known, f.place) END ORDER BY p.i),
      array_agg(CASE WHEN NOT p.is_refused THEN coalesce(p.known_tag, p_tags[p.first]) END ORDER BY p.i),
      coalesce(array_agg(p.i ORDER BY p.i) FILTER (WHERE p.is_new), '{}')
    INTO positions, tags, added
    FROM placed AS p LEFT JOIN placed AS f ON f.i = p.first;
    INSERT INTO idempotency SELECT p_keys[i], positions[i], tags[i], at FROM unnest(added) AS i WHERE p_keys[i] IS NOT NULL
      ON CONFLICT (key) DO UPDATE SET position = excluded.position, tag = excluded.tag, stored_at = excluded.stored_at;
    n := cardinality(added);
    INSERT INTO event
      SELECT positions[i], p_tags[i], at, last.total_bytes + sum(p_bytes[i]) OVER (ORDER BY i),
        last.total_events + row_number() OVER (ORDER BY i), p_topics[i], p_alternates[i]::text[], p_private[i], p_ids[i],
        p_types[i], p_retries[i], p_data[i], p_escaped[i], p_traces[i]
      FROM unnest(added) AS i;
    last.total_bytes := last.total_bytes + (SELECT coalesce(sum(p_bytes[i]), 0) FROM unnest(added) AS i);
    last.tag := p_tags[added[n]];
  END IF;
  IF n > 0 THEN
    UPDATE head SET position = last.position + n, tag = last.tag, total_bytes = last.total_bytes,
      total_events = last.total_events + n;
    PERFORM pg_notify(${text(channelOf(schema))}, p_node::text);
  END IF;
  UPDATE node SET last_batch = p_batch, positions = append_batch.positions, tags = append_batch.tags,
    seen_at = clock_timestamp(),
    steady_since = CASE WHEN seen_at < clock_timestamp() - interval '${steadyGapSeconds} s' THEN clock_timestamp() ELSE steady_since END
    WHERE node.id = p_node;
  RETURN NEXT;
END $$;`
}
