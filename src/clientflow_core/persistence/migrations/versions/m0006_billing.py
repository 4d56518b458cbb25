"""Plans, subscriptions, and what was used."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

_UP = """
SELECT 1;
"""

_DOWN = """
SELECT 1;
"""


def upgrade() -> None:
    """Make what this version adds."""
    op.execute(_UP)


def downgrade() -> None:
    """Take it away again."""
    op.execute(_DOWN)
