"""Calendars that are followed, and what is in them."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_IN_SCOPE = "(SELECT nullif(current_setting('app.organization_id', true), '')::uuid)"
_TABLES = ("calendars", "calendar_events")
_UP = """
CREATE TABLE calendars (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id uuid NOT NULL,
    provider text NOT NULL,
    provider_calendar_id text NOT NULL,
    title text NOT NULL,
    time_zone text NOT NULL,
    is_writable boolean NOT NULL,
    -- Where the next sync goes on; null from the beginning.
    cursor text,
    -- While it is read from the beginning: what does not have this mark at the end is gone.
    sweep_id uuid,
    last_tried_at timestamptz,
    last_synced_at timestamptz,
    last_error text,
    watch_id uuid UNIQUE,
    provider_watch_id text,
    watch_expires_at timestamptz,
    -- When a watch is next asked for, also where there is none; null for at once.
    watch_renews_at timestamptz,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, id),
    UNIQUE (organization_id, provider, provider_calendar_id)
);

CREATE TABLE calendar_events (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id uuid NOT NULL,
    calendar_id uuid NOT NULL,
    -- Null for one of ours that is not at the provider yet.
    provider_event_id text,
    provider_series_id text,
    etag text,
    ical_uid text,
    title text NOT NULL,
    description text NOT NULL,
    location text NOT NULL,
    attendees text[] NOT NULL,
    starts_at timestamptz,
    ends_at timestamptz,
    time_zone text,
    first_day date,
    last_day date,
    status text NOT NULL,
    is_busy boolean NOT NULL,
    put_error text,
    sweep_id uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, id),
    CONSTRAINT calendar_events_provider_event_key
        UNIQUE (organization_id, calendar_id, provider_event_id),
    FOREIGN KEY (organization_id, calendar_id) REFERENCES calendars (organization_id, id)
        DEFERRABLE INITIALLY DEFERRED,
    -- A time, or whole days, and never a half of both.
    CONSTRAINT calendar_events_time_check CHECK (
        num_nulls(starts_at, ends_at, time_zone, first_day, last_day) IN (2, 3)
        AND num_nulls(starts_at, ends_at, time_zone) IN (0, 3)
        AND num_nulls(first_day, last_day) IN (0, 2))
);
CREATE INDEX calendar_events_series_idx
    ON calendar_events (organization_id, calendar_id, provider_series_id);
CREATE INDEX calendar_events_organization_id_starts_at_idx
    ON calendar_events (organization_id, starts_at);
CREATE INDEX calendar_events_organization_id_first_day_idx
    ON calendar_events (organization_id, first_day);

-- Whose calendar a watch is of; the event is then that organization's. One that was proven by the
-- settings of an organization is never another's.
CREATE FUNCTION route_calendar_change(event_id uuid, of_provider text, of_watch_id uuid)
RETURNS TABLE (organization_id uuid, calendar_id uuid)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    WITH calendar AS (
        SELECT c.organization_id, c.id FROM calendars c, inbound_events e
        WHERE c.watch_id = of_watch_id AND c.provider = of_provider AND e.id = event_id
            AND (e.verified_for IS NULL OR e.verified_for = c.organization_id)
    ), routed AS (
        UPDATE inbound_events e SET organization_id = calendar.organization_id
        FROM calendar WHERE e.id = event_id
    )
    SELECT calendar.organization_id, calendar.id FROM calendar
$$;
REVOKE ALL ON FUNCTION route_calendar_change FROM PUBLIC;

-- Asks for the work that is due at calendars, of all organizations: a sync of those that have not
-- been tried for a while, sooner where nobody would tell us of a change; a new watch, where the
-- provider has watches and it is time for one. What is asked for already is not asked for again.
CREATE FUNCTION ask_for_calendar_work(
    of_providers text[], watching_providers text[], unwatched_after interval,
    watched_after interval, most int
) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    WITH due (kind, organization_id, calendar_id) AS (
        SELECT 'sync_calendar', c.organization_id, c.id FROM calendars c
        WHERE c.provider = ANY (of_providers)
            AND coalesce(c.last_tried_at, '-infinity') < now() - CASE
                WHEN c.watch_expires_at > now() AND c.last_error IS NULL THEN watched_after
                ELSE unwatched_after END
        UNION ALL
        SELECT 'watch_calendar', c.organization_id, c.id FROM calendars c
        WHERE c.provider = ANY (watching_providers)
            AND coalesce(c.watch_renews_at, '-infinity') < now()
    ), queued AS (
        INSERT INTO jobs (lane, kind, organization_id, args)
        SELECT 'calendars', due.kind, due.organization_id,
            jsonb_build_object('calendar_id', due.calendar_id)
        FROM due
        WHERE NOT EXISTS (
            SELECT 1 FROM jobs j WHERE j.lane = 'calendars' AND j.kind = due.kind
                AND j.dead_at IS NULL AND j.args ->> 'calendar_id' = due.calendar_id::text)
        LIMIT most
        RETURNING 1
    )
    SELECT count(*) FROM queued
$$;
REVOKE ALL ON FUNCTION ask_for_calendar_work FROM PUBLIC;
"""

_DOWN = """
DROP FUNCTION ask_for_calendar_work;
DROP FUNCTION route_calendar_change;
DROP TABLE calendar_events;
DROP TABLE calendars;
"""


def upgrade() -> None:
    """Make what this version adds."""
    op.execute(_UP)
    rule = f"organization_id = {_IN_SCOPE}"
    for table in _TABLES:
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY {table}_scope ON {table} USING ({rule}) WITH CHECK ({rule})")
        op.execute(f"CREATE POLICY {table}_owner ON {table} TO CURRENT_USER USING (true)")


def downgrade() -> None:
    """Take it away again."""
    op.execute(_DOWN)
