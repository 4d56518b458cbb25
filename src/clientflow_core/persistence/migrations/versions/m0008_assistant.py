"""What assistants have drafted."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_IN_SCOPE = "(SELECT nullif(current_setting('app.organization_id', true), '')::uuid)"
_UP = """
CREATE TABLE assistant_drafts (
    organization_id uuid NOT NULL REFERENCES organizations (id),
    id uuid NOT NULL,
    conversation_id uuid NOT NULL,
    based_on_message_id uuid NOT NULL,
    provider text NOT NULL,
    model text,
    prompt_version text NOT NULL,
    state text NOT NULL,
    text text,
    input_tokens integer,
    output_tokens integer,
    cost_usd numeric,
    error_code text,
    error_detail text,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, id),
    -- Two who ask at the same moment ask once.
    CONSTRAINT assistant_drafts_asked_once_key
        UNIQUE (organization_id, based_on_message_id, prompt_version),
    FOREIGN KEY (organization_id, conversation_id) REFERENCES conversations (organization_id, id)
        DEFERRABLE INITIALLY DEFERRED,
    FOREIGN KEY (organization_id, based_on_message_id) REFERENCES messages (organization_id, id)
        DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX assistant_drafts_organization_id_conversation_id_id_idx
    ON assistant_drafts (organization_id, conversation_id, id);
"""

_DOWN = """
DROP TABLE assistant_drafts;
"""


def upgrade() -> None:
    """Make what this version adds."""
    op.execute(_UP)
    rule = f"organization_id = {_IN_SCOPE}"
    table = "assistant_drafts"
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY {table}_scope ON {table} USING ({rule}) WITH CHECK ({rule})")
    op.execute(f"CREATE POLICY {table}_owner ON {table} TO CURRENT_USER USING (true)")


def downgrade() -> None:
    """Take it away again."""
    op.execute(_DOWN)
