"""Calendars that others may read by a secret address, and who was invited to what is in them."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_IN_SCOPE = "(SELECT nullif(current_setting('app.organization_id', true), '')::uuid)"
_UP = """
CREATE TABLE calendar_feeds (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    calendar_id uuid NOT NULL,
    -- Of what is secret in the address.
    token_hash bytea NOT NULL UNIQUE,
    shows_details boolean NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, calendar_id),
    FOREIGN KEY (organization_id, calendar_id) REFERENCES calendars (organization_id, id)
        DEFERRABLE INITIALLY DEFERRED
);

ALTER TABLE calendar_events
    -- Of what the invited were told: one more with each change.
    ADD COLUMN sequence integer NOT NULL DEFAULT 0,
    -- By us, by e-mail.
    ADD COLUMN invited text[] NOT NULL DEFAULT '{}',
    -- What they were told, in short; by it a change is seen.
    ADD COLUMN invited_to text;
CREATE INDEX calendar_events_invited_idx ON calendar_events (organization_id, calendar_id)
    WHERE invited <> '{}';

-- Whose calendar may be read at an address, of which the hash is known.
CREATE FUNCTION find_calendar_feed(hash bytea)
RETURNS TABLE (organization_id uuid, calendar_id uuid, shows_details boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT f.organization_id, f.calendar_id, f.shows_details
    FROM calendar_feeds f WHERE f.token_hash = hash
$$;
REVOKE ALL ON FUNCTION find_calendar_feed FROM PUBLIC;

-- The calendars, of all organizations, of which nobody will tell us any more from some moment on.
CREATE FUNCTION list_watches_ending_before(of_providers text[], moment timestamptz)
RETURNS TABLE (
    organization_id uuid, calendar_id uuid, watch_expires_at timestamptz,
    watch_renews_at timestamptz
)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT c.organization_id, c.id, c.watch_expires_at, c.watch_renews_at FROM calendars c
    WHERE c.provider = ANY (of_providers)
        AND coalesce(c.watch_expires_at, '-infinity') <= moment
    ORDER BY c.watch_expires_at NULLS FIRST, c.id
$$;
REVOKE ALL ON FUNCTION list_watches_ending_before FROM PUBLIC;
"""

_DOWN = """
DROP FUNCTION list_watches_ending_before;
DROP FUNCTION find_calendar_feed;
ALTER TABLE calendar_events DROP COLUMN sequence, DROP COLUMN invited, DROP COLUMN invited_to;
DROP TABLE calendar_feeds;
"""


def upgrade() -> None:
    """Make what this version adds."""
    op.execute(_UP)
    rule = f"organization_id = {_IN_SCOPE}"
    op.execute("ALTER TABLE calendar_feeds ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE calendar_feeds FORCE ROW LEVEL SECURITY")
    op.execute(
        f"CREATE POLICY calendar_feeds_scope ON calendar_feeds USING ({rule}) WITH CHECK ({rule})"
    )
    op.execute("CREATE POLICY calendar_feeds_owner ON calendar_feeds TO CURRENT_USER USING (true)")


def downgrade() -> None:
    """Take it away again."""
    op.execute(_DOWN)
