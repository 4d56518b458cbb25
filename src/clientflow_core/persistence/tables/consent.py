"""What was said about whether an address wants to hear from us."""

import sqlalchemy as sa

from clientflow_core.persistence.tables.columns import metadata, moment, of_organization, text, uuid

consents = sa.Table(
    "consents",
    metadata,
    sa.Column("organization_id", sa.Uuid, primary_key=True),
    sa.Column("contact_point_id", sa.Uuid, primary_key=True),
    sa.Column("medium", sa.Text, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),
    text("wish"),
    text("source"),
    text("evidence"),
    moment("occurred_at"),
    text("said_by", nullable=True),
    uuid("channel_id", nullable=True),
    moment("created_at", has_default=True),
    *of_organization(("contact_point_id", "contact_points"), ("channel_id", "channels")),
)
