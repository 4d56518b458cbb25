"""Calendars that are followed, and what is in them."""

from alembic import op

revision = "0007"
down_revision = "0006"
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
