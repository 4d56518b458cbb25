"""A message may go by another channel than its conversation's: attempts say by which they went.

What a channel or an event comes from is called its provider, which it always was: a plugin is the
package that brings it, and may bring several.
"""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_IN_SCOPE = "(SELECT nullif(current_setting('app.organization_id', true), '')::uuid)"

_FUNCTIONS = ("store_inbound_events", "route_inbound_event", "list_inbound_events")

_RENAME = """
DROP FUNCTION store_inbound_events;
DROP FUNCTION route_inbound_event;
DROP FUNCTION list_inbound_events;

ALTER TABLE channels RENAME COLUMN {old} TO {new};
ALTER INDEX channels_{old}_address_key RENAME TO channels_{new}_address_key;
ALTER TABLE inbound_events RENAME COLUMN {old} TO {new};
ALTER INDEX inbound_events_{old}_account_external_id_key
    RENAME TO inbound_events_{new}_account_external_id_key;

-- Events and the jobs that will handle them, in one statement. A repeated delivery makes neither.
CREATE FUNCTION store_inbound_events(
    ids uuid[], {new}s text[], webhooks text[], accounts text[], external_ids text[],
    methods text[], urls text[], headers_list jsonb[], bodies bytea[], received_ats timestamptz[]
) RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    WITH stored AS (
        INSERT INTO inbound_events
            (id, {new}, webhook, account, external_id, method, url, headers, body, received_at)
        SELECT * FROM unnest(ids, {new}s, webhooks, accounts, external_ids, methods, urls,
                             headers_list, bodies, received_ats)
        ON CONFLICT ({new}, account, external_id) DO NOTHING
        RETURNING id
    ), queued AS (
        INSERT INTO jobs (lane, kind, args)
        SELECT 'inbound', 'handle_inbound_event', jsonb_build_object('event_id', id) FROM stored
        RETURNING 1
    )
    SELECT count(*) FROM queued
$$;

-- Newest first, without the bodies, of all organizations. Those that failed include those whose job
-- was given up, should that not have been written down with the event. Ids begin with the time, so
-- *since* is one.
CREATE FUNCTION list_inbound_events(states text[], since uuid, before uuid, most int)
RETURNS TABLE (
    id uuid, {new} text, webhook text, external_id text, received_at timestamptz,
    organization_id uuid, state text, reason text
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT e.id, e.{new}, e.webhook, e.external_id, e.received_at, e.organization_id, e.state,
           e.reason
    FROM inbound_events e
    WHERE (since IS NULL OR e.id >= since) AND (before IS NULL OR e.id < before)
        AND (states IS NULL OR e.state = ANY (states) OR (
            'failed' = ANY (states) AND e.state <> 'done' AND e.id IN (
                SELECT (j.args ->> 'event_id')::uuid FROM jobs j
                WHERE j.kind = 'handle_inbound_event' AND j.dead_at IS NOT NULL)))
    ORDER BY e.id DESC LIMIT most
$$;

-- Whose channel an address is, the first one first, or else whose an attempt; the event is then
-- that organization's.
CREATE FUNCTION route_inbound_event(
    event_id uuid, channel_{new} text, channel_addresses text[], attempt_id uuid
) RETURNS TABLE (organization_id uuid, channel_id uuid)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    WITH channel AS (
        SELECT c.organization_id, c.id, array_position(channel_addresses, c.address) AS place
        FROM channels c
        WHERE c.{new} = channel_{new} AND c.address = ANY (channel_addresses)
        UNION ALL
        SELECT c.organization_id, c.id, NULL FROM message_attempts a
        {joined}
        WHERE a.id = attempt_id AND c.{new} = channel_{new}
        ORDER BY place NULLS LAST LIMIT 1
    ), routed AS (
        UPDATE inbound_events e SET organization_id = channel.organization_id
        FROM channel WHERE e.id = event_id
    )
    SELECT channel.organization_id, channel.id FROM channel
$$;
"""

_BY_ATTEMPT = "JOIN channels c ON c.organization_id = a.organization_id AND c.id = a.channel_id"
_BY_MESSAGE = """JOIN messages m ON m.organization_id = a.organization_id AND m.id = a.message_id
        JOIN channels c ON c.organization_id = m.organization_id AND c.id = m.channel_id"""

_UP = """
ALTER TABLE channels ADD COLUMN medium text NOT NULL DEFAULT 'text';

ALTER TABLE message_attempts ADD COLUMN channel_id uuid;
UPDATE message_attempts a SET channel_id = m.channel_id FROM messages m
WHERE m.organization_id = a.organization_id AND m.id = a.message_id;
ALTER TABLE message_attempts
    ALTER COLUMN channel_id SET NOT NULL,
    ADD CONSTRAINT message_attempts_organization_id_channel_id_fkey
        FOREIGN KEY (organization_id, channel_id) REFERENCES channels (organization_id, id)
        DEFERRABLE INITIALLY DEFERRED;

CREATE TABLE failover_rules (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    medium text NOT NULL,
    country text NOT NULL,
    channel_ids uuid[] NOT NULL,
    PRIMARY KEY (organization_id, medium, country)
);
"""

_DOWN = """
DROP TABLE failover_rules;
ALTER TABLE message_attempts DROP COLUMN channel_id;
ALTER TABLE channels DROP COLUMN medium;
"""


def _rename(*, old: str, new: str, joined: str) -> None:
    op.execute(_RENAME.format(old=old, new=new, joined=joined))
    for function in _FUNCTIONS:
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")


def upgrade() -> None:
    op.execute(_UP)
    op.execute("ALTER TABLE failover_rules ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE failover_rules FORCE ROW LEVEL SECURITY")
    rule = f"organization_id = {_IN_SCOPE}"
    op.execute(
        f"CREATE POLICY failover_rules_scope ON failover_rules USING ({rule}) WITH CHECK ({rule})"
    )
    op.execute("CREATE POLICY failover_rules_owner ON failover_rules TO CURRENT_USER USING (true)")
    _rename(old="plugin", new="provider", joined=_BY_ATTEMPT)


def downgrade() -> None:
    _rename(old="provider", new="plugin", joined=_BY_MESSAGE)
    op.execute(_DOWN)
