"""Calendars that others may read by a secret address."""

import sqlalchemy as sa

from clientflow_core.persistence.tables.columns import metadata, moment, of_organization

calendar_feeds = sa.Table(
    "calendar_feeds",
    metadata,
    sa.Column("organization_id", sa.Uuid, primary_key=True),
    sa.Column("calendar_id", sa.Uuid, primary_key=True),
    # Without the organization: an address says nothing else.
    sa.Column("token_hash", sa.LargeBinary, nullable=False, unique=True),
    sa.Column("shows_details", sa.Boolean, nullable=False),
    moment("created_at", has_default=True),
    *of_organization(("calendar_id", "calendars")),
)
