"""Whether the service is set up, which nobody of one organization can tell."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_UP = """
-- How many organizations there are, and how many of them lack something; numbers alone.
CREATE FUNCTION count_set_up(OUT organizations bigint, OUT without_owner bigint,
    OUT without_subscription bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
    SELECT count(*),
        count(*) FILTER (WHERE NOT EXISTS (
            SELECT 1 FROM memberships m WHERE m.organization_id = o.id AND m.role = 'owner')),
        count(*) FILTER (WHERE NOT EXISTS (
            SELECT 1 FROM subscriptions s WHERE s.organization_id = o.id AND s.is_current))
    FROM organizations o
$$;
REVOKE ALL ON FUNCTION count_set_up FROM PUBLIC;
"""

_DOWN = """
DROP FUNCTION count_set_up;
"""


def upgrade() -> None:
    """Make what this version adds."""
    op.execute(_UP)


def downgrade() -> None:
    """Take it away again."""
    op.execute(_DOWN)
