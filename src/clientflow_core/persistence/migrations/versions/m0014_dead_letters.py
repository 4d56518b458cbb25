"""Jobs that were given up, and what people have decided about them."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_UP = """
SELECT 1;
"""

_DOWN = """
SELECT 1;
"""


def upgrade() -> None:
    op.execute(_UP)


def downgrade() -> None:
    op.execute(_DOWN)
