"""The tables of the main job: a text comes in, its answer goes out.

The schema is written out here, and not taken from the tables package, since a migration must go
on doing what it did on the day it was made.
"""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_ORGANIZATION_TABLES = (
    "memberships",
    "api_keys",
    "channels",
    "contacts",
    "contact_points",
    "conversations",
    "messages",
    "message_attempts",
    "idempotency_keys",
    "stream_events",
)
_PLATFORM_TABLES = ("organizations", "users", "user_sessions", "inbound_events")
_SYSTEM_TABLES = ("jobs", "scheduled_slots", "heartbeats", "saq_jobs", "saq_stats", "saq_versions")
_FUNCTIONS = (
    "store_inbound_events",
    "read_inbound_event",
    "route_inbound_event",
    "finish_inbound_event",
    "list_inbound_events",
    "find_api_key",
    "add_organization",
    "add_user",
    "purge_expired",
)

_PLATFORM = """
CREATE TABLE organizations (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    slug text NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE users (
    id uuid PRIMARY KEY,
    email text NOT NULL,
    password_hash text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE UNIQUE INDEX users_email_key ON users (lower(email));
CREATE TABLE user_sessions (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    token_hash bytea NOT NULL UNIQUE,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE TABLE inbound_events (
    id uuid PRIMARY KEY,
    plugin text NOT NULL,
    webhook text NOT NULL,
    account text NOT NULL,
    external_id text NOT NULL,
    method text NOT NULL,
    url text NOT NULL,
    headers jsonb NOT NULL,
    body bytea NOT NULL,
    received_at timestamptz NOT NULL,
    organization_id uuid REFERENCES organizations (id),
    state text NOT NULL DEFAULT 'received'
        CONSTRAINT inbound_events_state_check
        CHECK (state IN ('received', 'done', 'ignored', 'failed')),
    reason text,
    handled_at timestamptz,
    UNIQUE (plugin, account, external_id)
);
CREATE INDEX inbound_events_organization_id_id_idx ON inbound_events (organization_id, id);
"""

_ORGANIZATION = """
CREATE TABLE memberships (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    user_id uuid NOT NULL REFERENCES users (id),
    role text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, user_id)
);
CREATE TABLE api_keys (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id uuid NOT NULL,
    name text NOT NULL,
    key_hash bytea NOT NULL UNIQUE,
    role text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz,
    revoked_at timestamptz,
    PRIMARY KEY (organization_id, id)
);
CREATE TABLE channels (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id uuid NOT NULL,
    plugin text NOT NULL,
    address text NOT NULL,
    name text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, id),
    UNIQUE (plugin, address)
);
CREATE TABLE contacts (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id uuid NOT NULL,
    name text,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, id)
);
CREATE TABLE contact_points (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id uuid NOT NULL,
    contact_id uuid NOT NULL,
    kind text NOT NULL,
    value text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, id),
    UNIQUE (organization_id, kind, value),
    -- Deferred: the point is inserted first, so that its uniqueness decides who makes the contact.
    FOREIGN KEY (organization_id, contact_id) REFERENCES contacts (organization_id, id)
        DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX contact_points_organization_id_contact_id_idx
    ON contact_points (organization_id, contact_id);
CREATE TABLE conversations (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id uuid NOT NULL,
    contact_id uuid NOT NULL,
    channel_id uuid NOT NULL,
    contact_point_id uuid NOT NULL,
    last_message_at timestamptz NOT NULL DEFAULT now(),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, id),
    UNIQUE (organization_id, channel_id, contact_point_id),
    FOREIGN KEY (organization_id, contact_id) REFERENCES contacts (organization_id, id)
        DEFERRABLE INITIALLY DEFERRED,
    FOREIGN KEY (organization_id, channel_id) REFERENCES channels (organization_id, id)
        DEFERRABLE INITIALLY DEFERRED,
    FOREIGN KEY (organization_id, contact_point_id) REFERENCES contact_points (organization_id, id)
        DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX conversations_organization_id_last_message_at_id_idx
    ON conversations (organization_id, last_message_at, id);
CREATE INDEX conversations_organization_id_contact_id_idx
    ON conversations (organization_id, contact_id);
CREATE TABLE messages (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    channel_id uuid NOT NULL,
    direction text NOT NULL,
    body text NOT NULL,
    media_urls jsonb NOT NULL DEFAULT '[]',
    status text NOT NULL,
    provider_message_id text,
    error_code text,
    error_detail text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, id),
    UNIQUE (organization_id, channel_id, provider_message_id),
    FOREIGN KEY (organization_id, conversation_id) REFERENCES conversations (organization_id, id)
        DEFERRABLE INITIALLY DEFERRED,
    FOREIGN KEY (organization_id, channel_id) REFERENCES channels (organization_id, id)
        DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX messages_organization_id_conversation_id_id_idx
    ON messages (organization_id, conversation_id, id);
CREATE TABLE message_attempts (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id uuid NOT NULL,
    message_id uuid NOT NULL,
    number integer NOT NULL,
    state text NOT NULL,
    provider_message_id text,
    provider_code text,
    detail text,
    lookups integer NOT NULL DEFAULT 0,
    started_at timestamptz NOT NULL,
    finished_at timestamptz,
    PRIMARY KEY (organization_id, id),
    UNIQUE (organization_id, message_id, number),
    FOREIGN KEY (organization_id, message_id) REFERENCES messages (organization_id, id)
        DEFERRABLE INITIALLY DEFERRED
);
-- A delivery report names the attempt before any organization is known.
CREATE INDEX message_attempts_id_idx ON message_attempts (id);
CREATE TABLE idempotency_keys (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    route text NOT NULL,
    key text NOT NULL,
    request_hash bytea NOT NULL,
    status integer NOT NULL,
    body bytea NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, route, key)
);
CREATE TABLE stream_events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id uuid NOT NULL REFERENCES organizations (id),
    kind text NOT NULL,
    subject_id uuid NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX stream_events_organization_id_id_idx ON stream_events (organization_id, id);
"""

_SYSTEM = """
CREATE TABLE jobs (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    lane text NOT NULL,
    kind text NOT NULL,
    organization_id uuid,
    args jsonb NOT NULL,
    run_at timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 0,
    max_attempts integer NOT NULL DEFAULT 14,
    claimed_by integer,
    last_error text,
    dead_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 500);
CREATE INDEX jobs_due_idx ON jobs (lane, run_at, id) WHERE dead_at IS NULL;
CREATE INDEX jobs_claimed_idx ON jobs (claimed_by) WHERE claimed_by IS NOT NULL;
CREATE SEQUENCE worker_numbers AS integer CYCLE;
CREATE TABLE scheduled_slots (
    name text NOT NULL,
    slot timestamptz NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (name, slot)
);
CREATE TABLE heartbeats (
    process text PRIMARY KEY,
    kind text NOT NULL,
    release text NOT NULL,
    started_at timestamptz NOT NULL DEFAULT now(),
    seen_at timestamptz NOT NULL DEFAULT now()
);
"""

# What saq 0.26.4 would make for itself (its schema version 3), made here because the application
# role may not create tables.
_SAQ = """
CREATE TABLE saq_versions (version integer);
INSERT INTO saq_versions VALUES (3);
CREATE TABLE saq_jobs (
    key text PRIMARY KEY,
    lock_key serial NOT NULL,
    job bytea NOT NULL,
    queue text NOT NULL,
    status text NOT NULL,
    priority smallint NOT NULL DEFAULT 0,
    group_key text,
    scheduled bigint NOT NULL DEFAULT extract(epoch FROM now()),
    expire_at bigint
);
CREATE INDEX saq_jobs_status_queue_group_key_idx ON saq_jobs (status, queue, group_key);
CREATE INDEX saq_jobs_status_queue_priority_scheduled_idx
    ON saq_jobs (status, queue, priority, scheduled);
CREATE TABLE saq_stats (
    worker_id text PRIMARY KEY,
    stats jsonb,
    expire_at bigint,
    metadata jsonb,
    queue_key text
);
CREATE INDEX saq_stats_expire_at_idx ON saq_stats (expire_at);
CREATE INDEX saq_stats_queue_key_idx ON saq_stats (queue_key);
"""

_FUNCTION_BODIES = """
-- Events and the jobs that will handle them, in one statement. A repeated delivery makes neither.
CREATE FUNCTION store_inbound_events(
    ids uuid[], plugins text[], webhooks text[], accounts text[], external_ids text[],
    methods text[], urls text[], headers_list jsonb[], bodies bytea[], received_ats timestamptz[]
) RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    WITH stored AS (
        INSERT INTO inbound_events
            (id, plugin, webhook, account, external_id, method, url, headers, body, received_at)
        SELECT * FROM unnest(ids, plugins, webhooks, accounts, external_ids, methods, urls,
                             headers_list, bodies, received_ats)
        ON CONFLICT (plugin, account, external_id) DO NOTHING
        RETURNING id
    ), queued AS (
        INSERT INTO jobs (lane, kind, args)
        SELECT 'inbound', 'handle_inbound_event', jsonb_build_object('event_id', id) FROM stored
        RETURNING 1
    )
    SELECT count(*) FROM queued
$$;

CREATE FUNCTION read_inbound_event(event_id uuid) RETURNS SETOF inbound_events
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT * FROM inbound_events WHERE id = event_id
$$;

-- Whose channel an address is, the first one first, or else whose an attempt; the event is then
-- that organization's.
CREATE FUNCTION route_inbound_event(
    event_id uuid, channel_plugin text, channel_addresses text[], attempt_id uuid
) RETURNS TABLE (organization_id uuid, channel_id uuid)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    WITH channel AS (
        SELECT c.organization_id, c.id, array_position(channel_addresses, c.address) AS place
        FROM channels c
        WHERE c.plugin = channel_plugin AND c.address = ANY (channel_addresses)
        UNION ALL
        SELECT m.organization_id, m.channel_id, NULL FROM message_attempts a
        JOIN messages m ON m.organization_id = a.organization_id AND m.id = a.message_id
        JOIN channels c ON c.organization_id = m.organization_id AND c.id = m.channel_id
        WHERE a.id = attempt_id AND c.plugin = channel_plugin
        ORDER BY place NULLS LAST LIMIT 1
    ), routed AS (
        UPDATE inbound_events e SET organization_id = channel.organization_id
        FROM channel WHERE e.id = event_id
    )
    SELECT channel.organization_id, channel.id FROM channel
$$;

CREATE FUNCTION finish_inbound_event(event_id uuid, new_state text, new_reason text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    UPDATE inbound_events SET state = new_state, reason = new_reason, handled_at = now()
    WHERE id = event_id
$$;

-- For operators: newest first, without the bodies, of all organizations.
CREATE FUNCTION list_inbound_events(before uuid, most int)
RETURNS TABLE (
    id uuid, plugin text, webhook text, external_id text, received_at timestamptz,
    organization_id uuid, state text, reason text
) LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT e.id, e.plugin, e.webhook, e.external_id, e.received_at, e.organization_id, e.state,
           e.reason
    FROM inbound_events e WHERE before IS NULL OR e.id < before ORDER BY e.id DESC LIMIT most
$$;

-- The application role makes organizations and users by these alone; whoever is there stays.
CREATE FUNCTION add_organization(new_id uuid, new_name text, new_slug text) RETURNS uuid
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    INSERT INTO organizations (id, name, slug) VALUES (new_id, new_name, new_slug)
    ON CONFLICT (slug) DO UPDATE SET slug = organizations.slug
    RETURNING id
$$;

CREATE FUNCTION add_user(new_id uuid, new_email text, new_password_hash text) RETURNS uuid
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    INSERT INTO users (id, email, password_hash) VALUES (new_id, new_email, new_password_hash)
    ON CONFLICT (lower(email)) DO UPDATE SET email = users.email
    RETURNING id
$$;

CREATE FUNCTION find_api_key(hash bytea)
RETURNS TABLE (organization_id uuid, api_key_id uuid, role text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT k.organization_id, k.id, k.role FROM api_keys k
    WHERE k.key_hash = hash AND k.revoked_at IS NULL
      AND (k.expires_at IS NULL OR k.expires_at > now())
$$;

-- What nobody asks for any more, of all organizations: up to *most* rows of each table. Of every
-- schedule the newest slot stays, since its absence would mean that it is due.
CREATE FUNCTION purge_expired(most int) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    WITH replies AS (
        DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM idempotency_keys WHERE created_at < now() - interval '48 hours'
            LIMIT most))
        RETURNING 1
    ), news AS (
        DELETE FROM stream_events WHERE id = ANY (ARRAY(
            SELECT id FROM stream_events WHERE created_at < now() - interval '1 hour'
            LIMIT most))
        RETURNING 1
    ), slots AS (
        DELETE FROM scheduled_slots WHERE ctid = ANY (ARRAY(
            SELECT s.ctid FROM scheduled_slots s
            WHERE s.created_at < now() - interval '7 days' AND EXISTS (
                SELECT 1 FROM scheduled_slots n WHERE n.name = s.name AND n.slot > s.slot)
            LIMIT most))
        RETURNING 1
    ), beats AS (
        DELETE FROM heartbeats WHERE process = ANY (ARRAY(
            SELECT process FROM heartbeats WHERE seen_at < now() - interval '1 day'
            LIMIT most))
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM replies) + (SELECT count(*) FROM news)
         + (SELECT count(*) FROM slots) + (SELECT count(*) FROM beats)
$$;
"""

_IN_SCOPE = "(SELECT nullif(current_setting('app.organization_id', true), '')::uuid)"

_PLATFORM_POLICIES = {
    "organizations": f"id = {_IN_SCOPE}",
    # Memberships are under row-level security themselves: only those of this organization count.
    "users": "EXISTS (SELECT 1 FROM memberships m WHERE m.user_id = users.id)",
    "user_sessions": "false",
    "inbound_events": f"organization_id = {_IN_SCOPE}",
}


def upgrade() -> None:
    for statements in (_PLATFORM, _ORGANIZATION, _SYSTEM, _SAQ, _FUNCTION_BODIES):
        op.execute(statements)
    policies = dict.fromkeys(_ORGANIZATION_TABLES, f"organization_id = {_IN_SCOPE}")
    for table, rule in (policies | _PLATFORM_POLICIES).items():
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY {table}_scope ON {table} USING ({rule}) WITH CHECK ({rule})")
        # Forced security holds for the owner too, whose functions and migrations need every row.
        op.execute(f"CREATE POLICY {table}_owner ON {table} TO CURRENT_USER USING (true)")
    for function in _FUNCTIONS:
        op.execute(f"REVOKE ALL ON FUNCTION {function} FROM PUBLIC")


def downgrade() -> None:
    for function in _FUNCTIONS:
        op.execute(f"DROP FUNCTION {function}")
    op.execute("DROP SEQUENCE worker_numbers")
    for table in reversed((*_PLATFORM_TABLES, *_ORGANIZATION_TABLES, *_SYSTEM_TABLES)):
        op.execute(f"DROP TABLE {table} CASCADE")
