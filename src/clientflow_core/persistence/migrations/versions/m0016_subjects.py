"""What a client writes about is found without reading all that it has ever written about."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_UP = """
-- By its hash: a subject may be longer than an entry of an index.
CREATE INDEX conversations_subject_idx
    ON conversations (organization_id, contact_point_id, md5(subject), last_message_at)
    WHERE subject IS NOT NULL;
"""

_DOWN = """
DROP INDEX conversations_subject_idx;
"""


def upgrade() -> None:
    """Make what this version adds."""
    op.execute(_UP)


def downgrade() -> None:
    """Take it away again."""
    op.execute(_DOWN)
