"""Until when each provider has told what it could not deliver: an outage may last for days."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

_UP = """
CREATE TABLE catch_ups (
    provider text PRIMARY KEY,
    caught_up_at timestamptz NOT NULL
);
"""

_DOWN = """
DROP TABLE catch_ups;
"""


def upgrade() -> None:
    """Make what this version adds."""
    op.execute(_UP)


def downgrade() -> None:
    """Take it away again."""
    op.execute(_DOWN)
