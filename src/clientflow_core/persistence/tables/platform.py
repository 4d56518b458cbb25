"""Organizations, their people, and what came in before it is known for whom."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import BYTEA, JSONB

from clientflow_core.persistence.tables.columns import metadata, moment, of_organization, text

organizations = sa.Table(
    "organizations",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    text("name"),
    sa.Column("slug", sa.Text, nullable=False, unique=True),
    moment("created_at", has_default=True),
)

users = sa.Table(
    "users",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    text("email"),
    text("password_hash"),
    moment("created_at", has_default=True),
)
sa.Index("users_email_key", sa.func.lower(users.c.email), unique=True)

user_sessions = sa.Table(
    "user_sessions",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("user_id", sa.Uuid, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("token_hash", BYTEA, nullable=False, unique=True),
    moment("created_at", has_default=True),
    moment("expires_at"),
)

inbound_events = sa.Table(
    "inbound_events",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    text("provider"),
    text("webhook"),
    text("account"),
    text("external_id"),
    text("method"),
    text("url"),
    sa.Column("headers", JSONB, nullable=False),
    sa.Column("body", BYTEA, nullable=False),
    moment("received_at"),
    sa.Column("organization_id", sa.Uuid, sa.ForeignKey("organizations.id")),
    sa.Column("state", sa.Text, nullable=False, server_default="received"),
    text("reason", nullable=True),
    moment("handled_at", nullable=True),
    sa.Column("verified_for", sa.Uuid, sa.ForeignKey("organizations.id")),
    sa.UniqueConstraint("provider", "account", "external_id"),
)
sa.Index(None, inbound_events.c.organization_id, inbound_events.c.id)

memberships = sa.Table(
    "memberships",
    metadata,
    sa.Column("organization_id", sa.Uuid, primary_key=True),
    sa.Column("user_id", sa.Uuid, sa.ForeignKey("users.id"), primary_key=True),
    text("role"),
    moment("created_at", has_default=True),
    *of_organization(),
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("organization_id", sa.Uuid, primary_key=True),
    sa.Column("id", sa.Uuid, primary_key=True),
    text("name"),
    sa.Column("key_hash", BYTEA, nullable=False, unique=True),
    text("role"),
    moment("created_at", has_default=True),
    moment("expires_at", nullable=True),
    moment("revoked_at", nullable=True),
    *of_organization(),
)
