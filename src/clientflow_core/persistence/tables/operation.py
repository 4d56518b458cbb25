"""What is known of the whole service: the answers to its checklist, and what was done to it."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

from clientflow_core.persistence.tables.columns import metadata, moment, text

checklist_results = sa.Table(
    "checklist_results",
    metadata,
    sa.Column("release", sa.Text, primary_key=True),
    sa.Column("item_id", sa.Text, primary_key=True),
    text("status"),
    text("found"),
    text("expected"),
    text("hint"),
    moment("checked_at", has_default=True),
)

checklist_sign_offs = sa.Table(
    "checklist_sign_offs",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    text("item_id"),
    text("signed_by"),
    text("evidence"),
    sa.Column("is_not_applicable", sa.Boolean, nullable=False),
    moment("signed_at", has_default=True),
    moment("expires_at", nullable=True),
    moment("revoked_at", nullable=True),
    text("revoked_by", nullable=True),
    text("revoked_because", nullable=True),
)
sa.Index(None, checklist_sign_offs.c.item_id, checklist_sign_offs.c.signed_at)

runs = sa.Table(
    "runs",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    text("kind"),
    text("release"),
    moment("started_at"),
    moment("finished_at"),
    sa.Column("is_good", sa.Boolean, nullable=False),
    sa.Column("report", JSONB, nullable=False),
)
sa.Index(None, runs.c.kind, runs.c.finished_at)
