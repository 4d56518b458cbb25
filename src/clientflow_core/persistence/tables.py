"""The tables, and the three written lists that say who may see what.

The migrations make them; a test compares this page, the lists and the catalogue of a migrated
database. SAQ's own tables (``saq_*``) are made by our migrations and read by SAQ alone.
"""

from typing import Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA, JSONB, TIMESTAMP

ORGANIZATION_TABLES: Final = frozenset(
    {
        "memberships",
        "api_keys",
        "channels",
        "failover_rules",
        "contacts",
        "contact_points",
        "conversations",
        "messages",
        "message_attempts",
        "idempotency_keys",
        "stream_events",
        "provider_settings",
        "records",
    }
)
"""Rows belong to one organization; forced row-level security shows no other's."""

PLATFORM_TABLES: Final = frozenset({"organizations", "users", "user_sessions", "inbound_events"})
"""Rows of the whole service, under forced row-level security; mostly reached by functions."""

SYSTEM_TABLES: Final = frozenset(
    {
        "jobs",
        "scheduled_slots",
        "heartbeats",
        "saq_jobs",
        "saq_stats",
        "saq_versions",
        "alembic_version",
    }
)
"""Ids, counters and codes only, nobody's data; no row-level security."""

metadata = sa.MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_N_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ix": "%(table_name)s_%(column_0_N_name)s_idx",
        "ck": "%(table_name)s_%(constraint_name)s_check",
    }
)


def _moment(name: str, *, nullable: bool = False, has_default: bool = False) -> sa.Column[object]:
    default = sa.text("now()") if has_default else None
    return sa.Column(name, TIMESTAMP(timezone=True), nullable=nullable, server_default=default)


def _text(name: str, *, nullable: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=nullable)


def _uuid(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Uuid, nullable=nullable)


def _of_organization(*references: tuple[str, str]) -> list[sa.ForeignKeyConstraint]:
    """Give the key of an organization table, and its references to others of the same one."""
    foreign = [
        sa.ForeignKeyConstraint(
            ["organization_id", column],
            [f"{table}.organization_id", f"{table}.id"],
            deferrable=True,
            initially="DEFERRED",
        )
        for column, table in references
    ]
    return [sa.ForeignKeyConstraint(["organization_id"], ["organizations.id"]), *foreign]


organizations = sa.Table(
    "organizations",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    _text("name"),
    sa.Column("slug", sa.Text, nullable=False, unique=True),
    _moment("created_at", has_default=True),
)

users = sa.Table(
    "users",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    _text("email"),
    _text("password_hash"),
    _moment("created_at", has_default=True),
)
sa.Index("users_email_key", sa.func.lower(users.c.email), unique=True)

user_sessions = sa.Table(
    "user_sessions",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    sa.Column("user_id", sa.Uuid, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("token_hash", BYTEA, nullable=False, unique=True),
    _moment("created_at", has_default=True),
    _moment("expires_at"),
)

inbound_events = sa.Table(
    "inbound_events",
    metadata,
    sa.Column("id", sa.Uuid, primary_key=True),
    _text("provider"),
    _text("webhook"),
    _text("account"),
    _text("external_id"),
    _text("method"),
    _text("url"),
    sa.Column("headers", JSONB, nullable=False),
    sa.Column("body", BYTEA, nullable=False),
    _moment("received_at"),
    sa.Column("organization_id", sa.Uuid, sa.ForeignKey("organizations.id")),
    sa.Column("state", sa.Text, nullable=False, server_default="received"),
    _text("reason", nullable=True),
    _moment("handled_at", nullable=True),
    sa.Column("verified_for", sa.Uuid, sa.ForeignKey("organizations.id")),
    sa.UniqueConstraint("provider", "account", "external_id"),
)
sa.Index(None, inbound_events.c.organization_id, inbound_events.c.id)

memberships = sa.Table(
    "memberships",
    metadata,
    sa.Column("organization_id", sa.Uuid, primary_key=True),
    sa.Column("user_id", sa.Uuid, sa.ForeignKey("users.id"), primary_key=True),
    _text("role"),
    _moment("created_at", has_default=True),
    *_of_organization(),
)

api_keys = sa.Table(
    "api_keys",
    metadata,
    sa.Column("organization_id", sa.Uuid, primary_key=True),
    sa.Column("id", sa.Uuid, primary_key=True),
    _text("name"),
    sa.Column("key_hash", BYTEA, nullable=False, unique=True),
    _text("role"),
    _moment("created_at", has_default=True),
    _moment("expires_at", nullable=True),
    _moment("revoked_at", nullable=True),
    *_of_organization(),
)

channels = sa.Table(
    "channels",
    metadata,
    sa.Column("organization_id", sa.Uuid, primary_key=True),
    sa.Column("id", sa.Uuid, primary_key=True),
    _text("provider"),
    _text("address"),
    _text("name"),
    _moment("created_at", has_default=True),
    sa.Column("medium", sa.Text, nullable=False, server_default="text"),
    # Without the organization: an inbound address belongs to one organization of all.
    sa.UniqueConstraint("provider", "address"),
    *_of_organization(),
)

failover_rules = sa.Table(
    "failover_rules",
    metadata,
    sa.Column("organization_id", sa.Uuid, primary_key=True),
    sa.Column("medium", sa.Text, primary_key=True),
    sa.Column("country", sa.Text, primary_key=True),
    sa.Column("channel_ids", ARRAY(sa.Uuid), nullable=False),
    *_of_organization(),
)

contacts = sa.Table(
    "contacts",
    metadata,
    sa.Column("organization_id", sa.Uuid, primary_key=True),
    sa.Column("id", sa.Uuid, primary_key=True),
    _text("name", nullable=True),
    _moment("created_at", has_default=True),
    *_of_organization(),
)

contact_points = sa.Table(
    "contact_points",
    metadata,
    sa.Column("organization_id", sa.Uuid, primary_key=True),
    sa.Column("id", sa.Uuid, primary_key=True),
    _uuid("contact_id"),
    _text("kind"),
    _text("value"),
    _moment("created_at", has_default=True),
    sa.UniqueConstraint("organization_id", "kind", "value"),
    *_of_organization(("contact_id", "contacts")),
)
sa.Index(None, contact_points.c.organization_id, contact_points.c.contact_id)
sa.Index(
    "contact_points_value_idx",
    contact_points.c.organization_id,
    contact_points.c.value,
    postgresql_ops={"value": "text_pattern_ops"},
)
sa.Index(
    "contact_points_reverse_value_idx",
    contact_points.c.organization_id,
    sa.func.reverse(contact_points.c.value).label("reversed"),
    postgresql_ops={"reversed": "text_pattern_ops"},
)
sa.Index(
    "contacts_name_words_idx",
    sa.func.to_tsvector(sa.text("'simple'"), sa.func.coalesce(contacts.c.name, sa.text("''"))),
    postgresql_using="gin",
)

conversations = sa.Table(
    "conversations",
    metadata,
    sa.Column("organization_id", sa.Uuid, primary_key=True),
    sa.Column("id", sa.Uuid, primary_key=True),
    _uuid("contact_id"),
    _uuid("channel_id"),
    _uuid("contact_point_id"),
    _moment("last_message_at", has_default=True),
    _moment("created_at", has_default=True),
    sa.UniqueConstraint("organization_id", "channel_id", "contact_point_id"),
    *_of_organization(
        ("contact_id", "contacts"),
        ("channel_id", "channels"),
        ("contact_point_id", "contact_points"),
    ),
)
sa.Index(None, conversations.c.organization_id, conversations.c.last_message_at, conversations.c.id)
sa.Index(None, conversations.c.organization_id, conversations.c.contact_id)

messages = sa.Table(
    "messages",
    metadata,
    sa.Column("organization_id", sa.Uuid, primary_key=True),
    sa.Column("id", sa.Uuid, primary_key=True),
    _uuid("conversation_id"),
    _uuid("channel_id"),
    _text("direction"),
    _text("body"),
    sa.Column("media_urls", JSONB, nullable=False, server_default="[]"),
    _text("status"),
    _text("provider_message_id", nullable=True),
    _text("error_code", nullable=True),
    _text("error_detail", nullable=True),
    _moment("created_at", has_default=True),
    _moment("updated_at", has_default=True),
    sa.UniqueConstraint("organization_id", "channel_id", "provider_message_id"),
    *_of_organization(("conversation_id", "conversations"), ("channel_id", "channels")),
)
sa.Index(None, messages.c.organization_id, messages.c.conversation_id, messages.c.id)

message_attempts = sa.Table(
    "message_attempts",
    metadata,
    sa.Column("organization_id", sa.Uuid, primary_key=True),
    sa.Column("id", sa.Uuid, primary_key=True),
    _uuid("message_id"),
    sa.Column("number", sa.Integer, nullable=False),
    _text("state"),
    _text("provider_message_id", nullable=True),
    _text("provider_code", nullable=True),
    _text("detail", nullable=True),
    sa.Column("lookups", sa.Integer, nullable=False, server_default="0"),
    _moment("started_at"),
    _moment("finished_at", nullable=True),
    _uuid("channel_id"),
    sa.UniqueConstraint("organization_id", "message_id", "number"),
    *_of_organization(("message_id", "messages"), ("channel_id", "channels")),
)
sa.Index(None, message_attempts.c.id)

idempotency_keys = sa.Table(
    "idempotency_keys",
    metadata,
    sa.Column("organization_id", sa.Uuid, primary_key=True),
    sa.Column("route", sa.Text, primary_key=True),
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("request_hash", BYTEA, nullable=False),
    sa.Column("status", sa.Integer, nullable=False),
    sa.Column("body", BYTEA, nullable=False),
    _moment("created_at", has_default=True),
    *_of_organization(),
)

stream_events = sa.Table(
    "stream_events",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    _uuid("organization_id"),
    _text("kind"),
    _uuid("subject_id"),
    _moment("created_at", has_default=True),
    *_of_organization(),
)
sa.Index(None, stream_events.c.organization_id, stream_events.c.id)

provider_settings = sa.Table(
    "provider_settings",
    metadata,
    sa.Column("organization_id", sa.Uuid, primary_key=True),
    sa.Column("provider", sa.Text, primary_key=True),
    _uuid("version"),
    sa.Column("sealed", BYTEA, nullable=False),
    _text("account", nullable=True),
    _moment("updated_at", has_default=True),
    *_of_organization(),
)
sa.Index(None, provider_settings.c.provider, provider_settings.c.account)

records = sa.Table(
    "records",
    metadata,
    sa.Column("organization_id", sa.Uuid, primary_key=True),
    sa.Column("provider", sa.Text, primary_key=True),
    sa.Column("collection", sa.Text, primary_key=True),
    sa.Column("key", sa.Text(collation="C"), primary_key=True),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("value", JSONB, nullable=False),
    _moment("updated_at", has_default=True),
    *_of_organization(),
)

jobs = sa.Table(
    "jobs",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(always=True), primary_key=True),
    _text("lane"),
    _text("kind"),
    _uuid("organization_id", nullable=True),
    sa.Column("args", JSONB, nullable=False),
    _moment("run_at", has_default=True),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("max_attempts", sa.Integer, nullable=False, server_default="14"),
    sa.Column("claimed_by", sa.Integer),
    _text("last_error", nullable=True),
    _moment("dead_at", nullable=True),
    _moment("created_at", has_default=True),
    postgresql_with={
        "fillfactor": "70",
        "autovacuum_vacuum_scale_factor": "0.02",
        "autovacuum_vacuum_threshold": "500",
    },
)
sa.Index(
    "jobs_due_idx",
    jobs.c.lane,
    jobs.c.run_at,
    jobs.c.id,
    postgresql_where=jobs.c.dead_at.is_(None),
)
sa.Index("jobs_claimed_idx", jobs.c.claimed_by, postgresql_where=jobs.c.claimed_by.is_not(None))

scheduled_slots = sa.Table(
    "scheduled_slots",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("slot", TIMESTAMP(timezone=True), primary_key=True),
    _moment("created_at", has_default=True),
)

heartbeats = sa.Table(
    "heartbeats",
    metadata,
    sa.Column("process", sa.Text, primary_key=True),
    _text("kind"),
    _text("release"),
    _moment("started_at", has_default=True),
    _moment("seen_at", has_default=True),
)
