"""The job of an event is its organization's from the start, where that is known as it comes in."""

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

# Hosts of the release before give one array fewer.
_STORE = """
DROP FUNCTION store_inbound_events;
-- Events and the jobs that will handle them, in one statement. A repeated delivery makes neither.
CREATE FUNCTION store_inbound_events(
    ids uuid[], providers text[], webhooks text[], accounts text[], external_ids text[],
    methods text[], urls text[], headers_list jsonb[], bodies bytea[], received_ats timestamptz[],
    verified_fors text[] DEFAULT NULL{parameter}
) RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    WITH stored AS (
        INSERT INTO inbound_events
            (id, provider, webhook, account, external_id, method, url, headers, body, received_at,
             verified_for)
        SELECT id, of_provider, webhook, account, external_id, method, url, headers, body,
            received_at, nullif(verified_for, '')::uuid
        FROM unnest(ids, providers, webhooks, accounts, external_ids, methods, urls,
                             headers_list, bodies, received_ats, verified_fors)
            AS e (id, of_provider, webhook, account, external_id, method, url, headers, body,
                  received_at, verified_for)
        ON CONFLICT (provider, account, external_id) DO NOTHING
        RETURNING id{returning}
    ), queued AS (
        {queue}
        RETURNING 1
    )
    SELECT count(*) FROM queued
$$;
REVOKE ALL ON FUNCTION store_inbound_events FROM PUBLIC;
"""
_OF_NOBODY = """INSERT INTO jobs (lane, kind, args)
        SELECT 'inbound', 'handle_inbound_event', jsonb_build_object('event_id', id) FROM stored"""
_OF_ITS_ORGANIZATION = """INSERT INTO jobs (lane, kind, organization_id, args)
        SELECT 'inbound', 'handle_inbound_event',
            coalesce(verified_for, channels.organization_id),
            jsonb_build_object('event_id', stored.id)
        FROM stored JOIN unnest(ids, recipients) AS e (id, recipient) USING (id)
            LEFT JOIN channels
            ON channels.provider = stored.provider AND channels.address = e.recipient"""

_UP = _STORE.format(
    parameter=", recipients text[] DEFAULT NULL",
    returning=", provider, verified_for",
    queue=_OF_ITS_ORGANIZATION,
)
_DOWN = _STORE.format(parameter="", returning="", queue=_OF_NOBODY)


def upgrade() -> None:
    """Make what this version adds."""
    op.execute(_UP)


def downgrade() -> None:
    """Take it away again."""
    op.execute(_DOWN)
