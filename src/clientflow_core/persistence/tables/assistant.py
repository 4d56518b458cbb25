"""What assistants have drafted."""

import sqlalchemy as sa

from clientflow_core.persistence.tables.columns import metadata, moment, of_organization, text, uuid

assistant_drafts = sa.Table(
    "assistant_drafts",
    metadata,
    sa.Column("organization_id", sa.Uuid, primary_key=True),
    sa.Column("id", sa.Uuid, primary_key=True),
    uuid("conversation_id"),
    uuid("based_on_message_id"),
    text("provider"),
    text("model", nullable=True),
    text("prompt_version"),
    text("state"),
    text("text", nullable=True),
    sa.Column("input_tokens", sa.Integer),
    sa.Column("output_tokens", sa.Integer),
    sa.Column("cost_usd", sa.Numeric),
    text("error_code", nullable=True),
    text("error_detail", nullable=True),
    moment("created_at", has_default=True),
    moment("updated_at", has_default=True),
    # Two who ask at the same moment ask once.
    sa.UniqueConstraint(
        "organization_id",
        "based_on_message_id",
        "prompt_version",
        name="assistant_drafts_asked_once_key",
    ),
    *of_organization(("conversation_id", "conversations"), ("based_on_message_id", "messages")),
)
sa.Index(
    None,
    assistant_drafts.c.organization_id,
    assistant_drafts.c.conversation_id,
    assistant_drafts.c.id,
)
