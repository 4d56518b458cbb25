"""Jobs that were given up, and what people have decided about them; whose turn the next job is."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

# Those that failed include those whose job was given up, should that not have been written down
# with the event; unless somebody has decided that nobody needs it.
_LIST = """
CREATE OR REPLACE FUNCTION list_inbound_events(states text[], since uuid, before uuid, most int)
RETURNS TABLE (
    id uuid, provider text, webhook text, external_id text, received_at timestamptz,
    organization_id uuid, state text, reason text
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT e.id, e.provider, e.webhook, e.external_id, e.received_at, e.organization_id, e.state,
           e.reason
    FROM inbound_events e
    WHERE (since IS NULL OR e.id >= since) AND (before IS NULL OR e.id < before)
        AND (states IS NULL OR e.state = ANY (states) OR (
            'failed' = ANY (states) AND e.state <> 'done' AND e.id IN (
                SELECT (j.args ->> 'event_id')::uuid FROM jobs j
                WHERE j.kind = 'handle_inbound_event' AND j.dead_at IS NOT NULL{not_discarded})))
    ORDER BY e.id DESC LIMIT most
$$;
"""

_UP = """
ALTER TABLE jobs
    ADD COLUMN discarded_at timestamptz, ADD COLUMN discarded_by text,
    ADD COLUMN discard_reason text;
CREATE INDEX jobs_turn_idx ON jobs (lane, organization_id, run_at, id)
    WHERE dead_at IS NULL AND organization_id IS NOT NULL;
CREATE INDEX messages_unknown_idx ON messages (updated_at) WHERE status = 'unknown';

-- The messages of all organizations that wait for a person, the longest waiting first: ids and
-- codes, not what is in them.
CREATE FUNCTION list_unknown_messages(most int)
RETURNS TABLE (
    organization_id uuid, id uuid, conversation_id uuid, channel_id uuid, error_code text,
    created_at timestamptz, updated_at timestamptz
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT m.organization_id, m.id, m.conversation_id, m.channel_id, m.error_code, m.created_at,
           m.updated_at
    FROM messages m WHERE m.status = 'unknown' ORDER BY m.updated_at LIMIT most
$$;
REVOKE ALL ON FUNCTION list_unknown_messages FROM PUBLIC;
"""

_DOWN = """
DROP FUNCTION list_unknown_messages;
DROP INDEX messages_unknown_idx;
DROP INDEX jobs_turn_idx;
ALTER TABLE jobs
    DROP COLUMN discard_reason, DROP COLUMN discarded_by, DROP COLUMN discarded_at;
"""


def upgrade() -> None:
    """Make what this version adds."""
    op.execute(_UP)
    op.execute(_LIST.format(not_discarded=" AND j.discarded_at IS NULL"))


def downgrade() -> None:
    """Take it away again."""
    op.execute(_LIST.format(not_discarded=""))
    op.execute(_DOWN)
