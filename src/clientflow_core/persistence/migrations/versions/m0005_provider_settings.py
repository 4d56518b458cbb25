"""What an organization has set for a provider, which proves its webhooks; what providers keep."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_IN_SCOPE = "(SELECT nullif(current_setting('app.organization_id', true), '')::uuid)"
_UP = """
CREATE TABLE provider_settings (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    provider text NOT NULL,
    version uuid NOT NULL,
    sealed bytea NOT NULL,
    account text,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, provider)
);
CREATE INDEX provider_settings_provider_account_idx ON provider_settings (provider, account);

CREATE TABLE records (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    provider text NOT NULL,
    collection text NOT NULL,
    key text COLLATE "C" NOT NULL,
    version bigint NOT NULL,
    value jsonb NOT NULL,
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, provider, collection, key)
);

-- Whose settings may have signed a webhook that says it is of an account: a few, the same each
-- time. What they are is sealed; who may see them is not known before one of them has verified it.
CREATE FUNCTION find_provider_settings(of_provider text, of_account text, most int)
RETURNS TABLE (organization_id uuid, version uuid, sealed bytea)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT s.organization_id, s.version, s.sealed FROM provider_settings s
    WHERE s.provider = of_provider AND s.account = of_account
    ORDER BY s.organization_id LIMIT most
$$;
REVOKE ALL ON FUNCTION find_provider_settings FROM PUBLIC;

-- Whose settings have proven the event, where it was not the operator's.
ALTER TABLE inbound_events ADD COLUMN verified_for uuid REFERENCES organizations (id);

DROP FUNCTION store_inbound_events;
-- Events and the jobs that will handle them, in one statement. A repeated delivery makes neither.
CREATE FUNCTION store_inbound_events(
    ids uuid[], providers text[], webhooks text[], accounts text[], external_ids text[],
    methods text[], urls text[], headers_list jsonb[], bodies bytea[], received_ats timestamptz[],
    verified_fors text[] DEFAULT NULL
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
        RETURNING id
    ), queued AS (
        INSERT INTO jobs (lane, kind, args)
        SELECT 'inbound', 'handle_inbound_event', jsonb_build_object('event_id', id) FROM stored
        RETURNING 1
    )
    SELECT count(*) FROM queued
$$;
REVOKE ALL ON FUNCTION store_inbound_events FROM PUBLIC;

-- Whose channel an address is, the first one first, or else whose an attempt; the event is then
-- that organization's. One that was proven by the settings of an organization is never another's.
CREATE OR REPLACE FUNCTION route_inbound_event(
    event_id uuid, channel_provider text, channel_addresses text[], attempt_id uuid
) RETURNS TABLE (organization_id uuid, channel_id uuid)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    WITH event AS (
        SELECT verified_for FROM inbound_events WHERE id = event_id
    ), candidates AS (
        SELECT c.organization_id, c.id, array_position(channel_addresses, c.address) AS place
        FROM channels c
        WHERE c.provider = channel_provider AND c.address = ANY (channel_addresses)
        UNION ALL
        SELECT c.organization_id, c.id, NULL FROM message_attempts a
        JOIN channels c ON c.organization_id = a.organization_id AND c.id = a.channel_id
        WHERE a.id = attempt_id AND c.provider = channel_provider
    ), channel AS (
        SELECT candidates.* FROM candidates, event
        WHERE event.verified_for IS NULL OR event.verified_for = candidates.organization_id
        ORDER BY place NULLS LAST LIMIT 1
    ), routed AS (
        UPDATE inbound_events e SET organization_id = channel.organization_id
        FROM channel WHERE e.id = event_id
    )
    SELECT channel.organization_id, channel.id FROM channel
$$;
"""

_DOWN = """
-- Whose channel an address is, the first one first, or else whose an attempt; the event is then
-- that organization's.
CREATE OR REPLACE FUNCTION route_inbound_event(
    event_id uuid, channel_provider text, channel_addresses text[], attempt_id uuid
) RETURNS TABLE (organization_id uuid, channel_id uuid)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    WITH channel AS (
        SELECT c.organization_id, c.id, array_position(channel_addresses, c.address) AS place
        FROM channels c
        WHERE c.provider = channel_provider AND c.address = ANY (channel_addresses)
        UNION ALL
        SELECT c.organization_id, c.id, NULL FROM message_attempts a
        JOIN channels c ON c.organization_id = a.organization_id AND c.id = a.channel_id
        WHERE a.id = attempt_id AND c.provider = channel_provider
        ORDER BY place NULLS LAST LIMIT 1
    ), routed AS (
        UPDATE inbound_events e SET organization_id = channel.organization_id
        FROM channel WHERE e.id = event_id
    )
    SELECT channel.organization_id, channel.id FROM channel
$$;

DROP FUNCTION store_inbound_events;
-- Events and the jobs that will handle them, in one statement. A repeated delivery makes neither.
CREATE FUNCTION store_inbound_events(
    ids uuid[], providers text[], webhooks text[], accounts text[], external_ids text[],
    methods text[], urls text[], headers_list jsonb[], bodies bytea[], received_ats timestamptz[]
) RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    WITH stored AS (
        INSERT INTO inbound_events
            (id, provider, webhook, account, external_id, method, url, headers, body, received_at)
        SELECT * FROM unnest(ids, providers, webhooks, accounts, external_ids, methods, urls,
                             headers_list, bodies, received_ats)
        ON CONFLICT (provider, account, external_id) DO NOTHING
        RETURNING id
    ), queued AS (
        INSERT INTO jobs (lane, kind, args)
        SELECT 'inbound', 'handle_inbound_event', jsonb_build_object('event_id', id) FROM stored
        RETURNING 1
    )
    SELECT count(*) FROM queued
$$;
REVOKE ALL ON FUNCTION store_inbound_events FROM PUBLIC;

ALTER TABLE inbound_events DROP COLUMN verified_for;
DROP FUNCTION find_provider_settings;
DROP TABLE provider_settings;
DROP TABLE records;
"""


def upgrade() -> None:
    op.execute(_UP)
    rule = f"organization_id = {_IN_SCOPE}"
    for table in ("provider_settings", "records"):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY {table}_scope ON {table} USING ({rule}) WITH CHECK ({rule})")
        op.execute(f"CREATE POLICY {table}_owner ON {table} TO CURRENT_USER USING (true)")


def downgrade() -> None:
    op.execute(_DOWN)
