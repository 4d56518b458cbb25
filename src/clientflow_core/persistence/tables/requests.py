"""What the API and the pages keep: answers given already, and what open pages are told."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import BYTEA

from clientflow_core.persistence.tables.columns import metadata, moment, of_organization, text, uuid

idempotency_keys = sa.Table(
    "idempotency_keys",
    metadata,
    sa.Column("organization_id", sa.Uuid, primary_key=True),
    sa.Column("route", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("request_hash", BYTEA, nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("body", BYTEA, nullable=False),
    moment("created_at", has_default=True),
    *of_organization(),
)

stream_events = sa.Table(
    "stream_events",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    uuid("organization_id"),
    text("kind"),
    uuid("subject_id"),
    moment("created_at", has_default=True),
    *of_organization(),
)
sa.Index(None, stream_events.c.organization_id, stream_events.c.id)
