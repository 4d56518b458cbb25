"""How long what is done with is kept, each kind for its own time; and who has asked for a job."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

# For each kind of rows the table, what names a row, and when it may go: *kept* is how long it is
# kept. Ids of inbound events begin with the time at which they were made, which is before they
# were handled: the key leads to the old ones without an index of their own. Of every schedule the
# newest slot stays, since its absence would mean that it is due.
_FIRST_ID = (
    "(lpad(to_hex((extract(epoch FROM now() - kept) * 1000)::bigint), 12, '0')"
    " || repeat('0', 20))::uuid"
)
_HAS_NEWER = (
    "EXISTS (SELECT 1 FROM scheduled_slots n"
    " WHERE n.name = scheduled_slots.name AND n.slot > scheduled_slots.slot)"
)
_KINDS = {
    "inbound_events": (
        "inbound_events",
        "id",
        f"id < {_FIRST_ID} AND handled_at < now() - kept",
    ),
    "idempotency_keys": ("idempotency_keys", "ctid", "created_at < now() - kept"),
    "stream_events": ("stream_events", "id", "created_at < now() - kept"),
    "user_sessions": ("user_sessions", "id", "expires_at < now() - kept"),
    "dead_jobs": ("jobs", "id", "dead_at < now() - kept"),
    "scheduled_slots": (
        "scheduled_slots",
        "ctid",
        f"created_at < now() - kept AND {_HAS_NEWER}",
    ),
    "heartbeats": ("heartbeats", "process", "seen_at < now() - kept"),
    "checklist_results": ("checklist_results", "ctid", "checked_at < now() - kept"),
    "runs": ("runs", "id", "finished_at < now() - kept"),
}

_PURGE = """
    IF periods ? '{kind}' THEN
        kept := make_interval(secs => (periods ->> '{kind}')::float8);
        DELETE FROM {table} WHERE {key} = ANY (ARRAY(
            SELECT {key} FROM {table} WHERE {rule} LIMIT most));
        GET DIAGNOSTICS gone = ROW_COUNT;
        removed := removed || jsonb_build_object('{kind}', gone);
    END IF;
"""

_LIST = """
    IF periods ? '{kind}' THEN
        kept := make_interval(secs => (periods ->> '{kind}')::float8);
        IF EXISTS (SELECT 1 FROM {table} WHERE {rule}) THEN
            RETURN NEXT '{kind}';
        END IF;
    END IF;
"""

_UP = """
-- The request that has asked for it, by which both are found in the log.
ALTER TABLE jobs ADD COLUMN request_id text;
CREATE INDEX jobs_dead_idx ON jobs (lane, dead_at) WHERE dead_at IS NOT NULL;

-- Removes, of all organizations, up to *most* rows of each kind that *periods* names with how many
-- seconds it is kept; gives how many went of each. (The one of before, purge_expired, is still
-- called by the workers of the release of before.)
CREATE FUNCTION purge_kinds(periods jsonb, most int) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    removed jsonb := '{{}}';
    kept interval;
    gone bigint;
BEGIN
{purges}
    RETURN removed;
END
$$;
REVOKE ALL ON FUNCTION purge_kinds FROM PUBLIC;

-- Which of the kinds have rows that are kept for longer than *periods* says.
CREATE FUNCTION list_expired_kinds(periods jsonb) RETURNS SETOF text
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
    kept interval;
BEGIN
{lists}
END
$$;
REVOKE ALL ON FUNCTION list_expired_kinds FROM PUBLIC;
"""

_DOWN = """
DROP FUNCTION list_expired_kinds;
DROP FUNCTION purge_kinds;
DROP INDEX jobs_dead_idx;
ALTER TABLE jobs DROP COLUMN request_id;
"""


def _each(template: str) -> str:
    return "".join(
        template.format(kind=kind, table=table, key=key, rule=rule)
        for kind, (table, key, rule) in _KINDS.items()
    )


def upgrade() -> None:
    """Make what this version adds."""
    op.execute(_UP.format(purges=_each(_PURGE), lists=_each(_LIST)))


def downgrade() -> None:
    """Take it away again."""
    op.execute(_DOWN)
