"""Contacts, and what is said to them and by them through which channel."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from clientflow_core.persistence.tables.columns import metadata, moment, of_organization, text, uuid

channels = sa.Table(
    "channels",
    metadata,
    sa.Column("organization_id", sa.Uuid, primary_key=True),
    sa.Column("id", sa.Uuid, primary_key=True),
    text("provider"),
    text("address"),
    text("name"),
    moment("created_at", has_default=True),
    sa.Column("medium", sa.Text, nullable=False, server_default="text"),
    # Without the organization: an inbound address belongs to one organization of all.
    sa.UniqueConstraint("provider", "address"),
    *of_organization(),
)

failover_rules = sa.Table(
    "failover_rules",
    metadata,
    sa.Column("organization_id", sa.Uuid, primary_key=True),
    sa.Column("medium", sa.Text, primary_key=True),
    sa.Column("country", sa.Text, primary_key=True),
    sa.Column("channel_ids", ARRAY(sa.Uuid), nullable=False),
    *of_organization(),
)

contacts = sa.Table(
    "contacts",
    metadata,
    sa.Column("organization_id", sa.Uuid, primary_key=True),
    sa.Column("id", sa.Uuid, primary_key=True),
    text("name", nullable=True),
    moment("created_at", has_default=True),
    *of_organization(),
)

contact_points = sa.Table(
    "contact_points",
    metadata,
    sa.Column("organization_id", sa.Uuid, primary_key=True),
    sa.Column("id", sa.Uuid, primary_key=True),
    uuid("contact_id"),
    text("kind"),
    text("value"),
    moment("created_at", has_default=True),
    sa.UniqueConstraint("organization_id", "kind", "value"),
    *of_organization(("contact_id", "contacts")),
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
    uuid("contact_id"),
    uuid("channel_id"),
    uuid("contact_point_id"),
    moment("last_message_at", has_default=True),
    moment("created_at", has_default=True),
    sa.Column("thread", sa.Text, nullable=False, server_default=""),
    text("subject", nullable=True),
    sa.UniqueConstraint(
        "organization_id",
        "channel_id",
        "contact_point_id",
        "thread",
        name="conversations_thread_key",
    ),
    *of_organization(
        ("contact_id", "contacts"),
        ("channel_id", "channels"),
        ("contact_point_id", "contact_points"),
    ),
)
sa.Index(None, conversations.c.organization_id, conversations.c.last_message_at, conversations.c.id)
sa.Index(None, conversations.c.organization_id, conversations.c.contact_id)
sa.Index(
    "conversations_subject_idx",
    conversations.c.organization_id,
    conversations.c.contact_point_id,
    sa.func.md5(conversations.c.subject),
    conversations.c.last_message_at,
    postgresql_where=conversations.c.subject.is_not(None),
)

messages = sa.Table(
    "messages",
    metadata,
    sa.Column("organization_id", sa.Uuid, primary_key=True),
    sa.Column("id", sa.Uuid, primary_key=True),
    uuid("conversation_id"),
    uuid("channel_id"),
    text("direction"),
    text("body"),
    sa.Column("media_urls", JSONB, nullable=False, server_default="[]"),
    text("status"),
    text("provider_message_id", nullable=True),
    text("error_code", nullable=True),
    text("error_detail", nullable=True),
    moment("created_at", has_default=True),
    moment("updated_at", has_default=True),
    text("subject", nullable=True),
    text("rfc822_message_id", nullable=True),
    text("in_reply_to", nullable=True),
    sa.Column("reference_ids", ARRAY(sa.Text), nullable=True),
    text("sender", nullable=True),
    text("html", nullable=True),
    text("quoted", nullable=True),
    sa.Column("is_automatic", sa.Boolean, nullable=True),
    sa.UniqueConstraint("organization_id", "channel_id", "provider_message_id"),
    *of_organization(("conversation_id", "conversations"), ("channel_id", "channels")),
)
sa.Index(None, messages.c.organization_id, messages.c.conversation_id, messages.c.id)
sa.Index(
    None,
    messages.c.organization_id,
    messages.c.rfc822_message_id,
    postgresql_where=messages.c.rfc822_message_id.is_not(None),
)
sa.Index(
    "messages_unknown_idx",
    messages.c.updated_at,
    postgresql_where=messages.c.status == "unknown",
)

attachments = sa.Table(
    "attachments",
    metadata,
    sa.Column("organization_id", sa.Uuid, primary_key=True),
    sa.Column("id", sa.Uuid, primary_key=True),
    uuid("message_id"),
    sa.Column("position", sa.Integer, nullable=False),
    text("name"),
    text("content_type"),
    sa.Column("size_bytes", sa.Integer, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=True),
    *of_organization(("message_id", "messages")),
)
sa.Index(None, attachments.c.organization_id, attachments.c.message_id, attachments.c.position)

message_attempts = sa.Table(
    "message_attempts",
    metadata,
    sa.Column("organization_id", sa.Uuid, primary_key=True),
    sa.Column("id", sa.Uuid, primary_key=True),
    uuid("message_id"),
    sa.Column("number", sa.Integer, nullable=False),
    text("state"),
    text("provider_message_id", nullable=True),
    text("provider_code", nullable=True),
    text("detail", nullable=True),
    sa.Column("lookups", sa.Integer, nullable=False, server_default="0"),
    moment("started_at"),
    moment("finished_at", nullable=True),
    uuid("channel_id"),
    sa.UniqueConstraint("organization_id", "message_id", "number"),
    *of_organization(("message_id", "messages"), ("channel_id", "channels")),
)
sa.Index(None, message_attempts.c.id)
