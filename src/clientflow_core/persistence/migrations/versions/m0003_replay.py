"""What operators need to find inbound events, and to have them handled again."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_FUNCTIONS = ("list_inbound_events", "read_inbound_event_states", "replay_inbound_events")

_UP = """
DROP FUNCTION list_inbound_events;

-- Newest first, without the bodies, of all organizations. Those that failed include those whose job
-- was given up, should that not have been written down with the event. Ids begin with the time, so
-- *since* is one.
CREATE FUNCTION list_inbound_events(states text[], since uuid, before uuid, most int)
RETURNS TABLE (
    id uuid, plugin text, webhook text, external_id text, received_at timestamptz,
    organization_id uuid, state text, reason text
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT e.id, e.plugin, e.webhook, e.external_id, e.received_at, e.organization_id, e.state,
           e.reason
    FROM inbound_events e
    WHERE (since IS NULL OR e.id >= since) AND (before IS NULL OR e.id < before)
        AND (states IS NULL OR e.state = ANY (states) OR (
            'failed' = ANY (states) AND e.state <> 'done' AND e.id IN (
                SELECT (j.args ->> 'event_id')::uuid FROM jobs j
                WHERE j.kind = 'handle_inbound_event' AND j.dead_at IS NOT NULL)))
    ORDER BY e.id DESC LIMIT most
$$;

CREATE FUNCTION read_inbound_event_states(event_ids uuid[])
RETURNS TABLE (id uuid, state text, reason text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT e.id, e.state, e.reason FROM inbound_events e WHERE e.id = ANY (event_ids)
$$;

-- Has events handled again, and tells for each what was done for it:
--   done     it was handled; nothing is done
--   busy     a worker has it at this moment, or somebody else has it replayed; nothing is done
--   hurried  its job waited for another try, and is due now
--   queued   it has a new job, which takes the place of the one that was given up
-- An event has one job at the most: its row is locked first, and what is locked is left alone, so
-- that nobody waits for each other. The jobs are looked at by a statement of their own, which sees
-- what was committed before the lock was had.
CREATE FUNCTION replay_inbound_events(event_ids uuid[])
RETURNS TABLE (event_id uuid, outcome text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    ours uuid[];
BEGIN
    ours := ARRAY(
        SELECT e.id FROM inbound_events e WHERE e.id = ANY (event_ids)
        ORDER BY e.id FOR NO KEY UPDATE SKIP LOCKED);
    RETURN QUERY
    WITH known AS MATERIALIZED (
        SELECT (j.args ->> 'event_id')::uuid AS event_id, j.id, j.dead_at, j.claimed_by,
               j.last_error
        FROM jobs j
        WHERE j.kind = 'handle_inbound_event' AND j.args ->> 'event_id' = ANY (ours::text[])
    ), hurried AS (
        UPDATE jobs j SET run_at = now()
        FROM known k JOIN inbound_events e ON e.id = k.event_id
        WHERE j.id = k.id AND e.state <> 'done' AND j.dead_at IS NULL AND j.claimed_by IS NULL
        RETURNING k.event_id
    ), removed AS (
        DELETE FROM jobs j USING known k, inbound_events e
        WHERE j.id = k.id AND e.id = k.event_id AND e.state <> 'done' AND j.dead_at IS NOT NULL
        RETURNING k.event_id, k.last_error
    ), queued AS (
        INSERT INTO jobs (lane, kind, args, last_error)
        SELECT 'inbound', 'handle_inbound_event', jsonb_build_object('event_id', e.id),
               (SELECT max(r.last_error) FROM removed r WHERE r.event_id = e.id)
        FROM inbound_events e
        WHERE e.id = ANY (ours) AND e.state <> 'done'
            AND NOT EXISTS (
                SELECT 1 FROM known k WHERE k.event_id = e.id AND k.dead_at IS NULL)
            AND (e.id IN (SELECT r.event_id FROM removed r)
                 OR e.id NOT IN (SELECT k.event_id FROM known k))
        ORDER BY e.id
        RETURNING (args ->> 'event_id')::uuid AS event_id
    ), opened AS (
        UPDATE inbound_events e SET state = 'received', reason = NULL, handled_at = NULL
        FROM queued q WHERE e.id = q.event_id
    )
    SELECT e.id, CASE
        WHEN NOT e.id = ANY (ours) THEN 'busy'
        WHEN e.state = 'done' THEN 'done'
        WHEN e.id IN (SELECT q.event_id FROM queued q) THEN 'queued'
        WHEN e.id IN (SELECT h.event_id FROM hurried h) THEN 'hurried'
        ELSE 'busy' END
    FROM inbound_events e WHERE e.id = ANY (event_ids);
END
$$;
"""

_DOWN = """
DROP FUNCTION replay_inbound_events;
DROP FUNCTION read_inbound_event_states;
DROP FUNCTION list_inbound_events;
CREATE FUNCTION list_inbound_events(before uuid, most int)
RETURNS TABLE (
    id uuid, plugin text, webhook text, external_id text, received_at timestamptz,
    organization_id uuid, state text, reason text
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT e.id, e.plugin, e.webhook, e.external_id, e.received_at, e.organization_id, e.state,
           e.reason
    FROM inbound_events e WHERE before IS NULL OR e.id < before ORDER BY e.id DESC LIMIT most
$$;
REVOKE ALL ON FUNCTION list_inbound_events FROM PUBLIC;
"""


def upgrade() -> None:
    op.execute(_UP)
    for function in _FUNCTIONS:
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")


def downgrade() -> None:
    op.execute(_DOWN)
