"""Who does not want to hear from us, and by which medium."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

_IN_SCOPE = "(SELECT nullif(current_setting('app.organization_id', true), '')::uuid)"
_UP = """
-- What was said about an address, never changed: the newest that is no call for help is what holds,
-- and is found by the end of the key.
CREATE TABLE consents (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    contact_point_id uuid NOT NULL,
    medium text NOT NULL,
    number integer NOT NULL,
    wish text NOT NULL,
    source text NOT NULL,
    evidence text NOT NULL,
    occurred_at timestamptz NOT NULL,
    said_by text,
    channel_id uuid,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, contact_point_id, medium, number),
    FOREIGN KEY (organization_id, contact_point_id)
        REFERENCES contact_points (organization_id, id) DEFERRABLE INITIALLY DEFERRED,
    FOREIGN KEY (organization_id, channel_id)
        REFERENCES channels (organization_id, id) DEFERRABLE INITIALLY DEFERRED
);
"""

_DOWN = """
DROP TABLE consents;
"""


def upgrade() -> None:
    op.execute(_UP)
    rule = f"organization_id = {_IN_SCOPE}"
    op.execute("ALTER TABLE consents ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE consents FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY consents_scope ON consents USING ({rule}) WITH CHECK ({rule})")
    op.execute("CREATE POLICY consents_owner ON consents TO CURRENT_USER USING (true)")


def downgrade() -> None:
    op.execute(_DOWN)
