"""Calendars that are followed, and what is in them."""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from clientflow_core.persistence.tables.columns import metadata, moment, of_organization, text, uuid

calendars = sa.Table(
    "calendars",
    metadata,
    sa.Column("organization_id", sa.Uuid, primary_key=True),
    sa.Column("id", sa.Uuid, primary_key=True),
    text("provider"),
    text("provider_calendar_id"),
    text("title"),
    text("time_zone"),
    sa.Column("is_writable", sa.Boolean, nullable=False),
    text("cursor", nullable=True),
    uuid("sweep_id", nullable=True),
    moment("last_tried_at", nullable=True),
    moment("last_synced_at", nullable=True),
    text("last_error", nullable=True),
    # Without the organization: a notice names the watch alone.
    sa.Column("watch_id", sa.Uuid, nullable=True, unique=True),
    text("provider_watch_id", nullable=True),
    moment("watch_expires_at", nullable=True),
    moment("watch_renews_at", nullable=True),
    moment("created_at", has_default=True),
    sa.UniqueConstraint("organization_id", "provider", "provider_calendar_id"),
    *of_organization(),
)

calendar_events = sa.Table(
    "calendar_events",
    metadata,
    sa.Column("organization_id", sa.Uuid, primary_key=True),
    sa.Column("id", sa.Uuid, primary_key=True),
    uuid("calendar_id"),
    text("provider_event_id", nullable=True),
    text("provider_series_id", nullable=True),
    text("etag", nullable=True),
    text("ical_uid", nullable=True),
    text("title"),
    text("description"),
    text("location"),
    sa.Column("attendees", ARRAY(sa.Text), nullable=False),
    moment("starts_at", nullable=True),
    moment("ends_at", nullable=True),
    text("time_zone", nullable=True),
    sa.Column("first_day", sa.Date, nullable=True),
    sa.Column("last_day", sa.Date, nullable=True),
    text("status"),
    sa.Column("is_busy", sa.Boolean, nullable=False),
    text("put_error", nullable=True),
    uuid("sweep_id", nullable=True),
    moment("created_at", has_default=True),
    moment("updated_at", has_default=True),
    sa.Column("sequence", sa.Integer, nullable=False, server_default=sa.text("0")),
    sa.Column("invited", ARRAY(sa.Text), nullable=False, server_default=sa.text("'{}'::text[]")),
    text("invited_to", nullable=True),
    sa.UniqueConstraint(
        "organization_id",
        "calendar_id",
        "provider_event_id",
        name="calendar_events_provider_event_key",
    ),
    *of_organization(("calendar_id", "calendars")),
)
sa.Index(
    "calendar_events_series_idx",
    calendar_events.c.organization_id,
    calendar_events.c.calendar_id,
    calendar_events.c.provider_series_id,
)
sa.Index(None, calendar_events.c.organization_id, calendar_events.c.starts_at)
sa.Index(None, calendar_events.c.organization_id, calendar_events.c.first_day)
sa.Index(
    "calendar_events_invited_idx",
    calendar_events.c.organization_id,
    calendar_events.c.calendar_id,
    postgresql_where=sa.text("invited <> '{}'"),
)
