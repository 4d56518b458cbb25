"""The tables, and the three written lists that say who may see what.

The migrations make them; a test compares this package, the lists and the catalogue of a migrated
database. SAQ's own tables (``saq_*``) are made by our migrations and read by SAQ alone.
"""

from typing import Final

from clientflow_core.persistence.tables.assistant import assistant_drafts
from clientflow_core.persistence.tables.billing import (
    billing_customers,
    plans,
    subscriptions,
    usage_events,
)
from clientflow_core.persistence.tables.calendar import (
    calendar_events,
    calendars,
)
from clientflow_core.persistence.tables.columns import metadata
from clientflow_core.persistence.tables.consent import consents
from clientflow_core.persistence.tables.feeds import calendar_feeds
from clientflow_core.persistence.tables.messaging import (
    attachments,
    channels,
    contact_points,
    contacts,
    conversations,
    failover_rules,
    message_attempts,
    messages,
)
from clientflow_core.persistence.tables.operation import (
    checklist_results,
    checklist_sign_offs,
    runs,
)
from clientflow_core.persistence.tables.platform import (
    api_keys,
    inbound_events,
    memberships,
    organizations,
    user_sessions,
    users,
)
from clientflow_core.persistence.tables.providers import (
    provider_settings,
    records,
)
from clientflow_core.persistence.tables.requests import (
    idempotency_keys,
    stream_events,
)
from clientflow_core.persistence.tables.work import (
    catch_ups,
    heartbeats,
    jobs,
    scheduled_slots,
)

__all__ = [
    "ORGANIZATION_TABLES",
    "PLATFORM_TABLES",
    "SYSTEM_TABLES",
    "api_keys",
    "assistant_drafts",
    "attachments",
    "billing_customers",
    "calendar_events",
    "calendar_feeds",
    "calendars",
    "catch_ups",
    "channels",
    "checklist_results",
    "checklist_sign_offs",
    "consents",
    "contact_points",
    "contacts",
    "conversations",
    "failover_rules",
    "heartbeats",
    "idempotency_keys",
    "inbound_events",
    "jobs",
    "memberships",
    "message_attempts",
    "messages",
    "metadata",
    "organizations",
    "plans",
    "provider_settings",
    "records",
    "runs",
    "scheduled_slots",
    "stream_events",
    "subscriptions",
    "usage_events",
    "user_sessions",
    "users",
]

ORGANIZATION_TABLES: Final = frozenset(
    {
        "assistant_drafts",
        "memberships",
        "api_keys",
        "channels",
        "failover_rules",
        "contacts",
        "contact_points",
        "consents",
        "conversations",
        "messages",
        "message_attempts",
        "attachments",
        "idempotency_keys",
        "stream_events",
        "provider_settings",
        "records",
        "billing_customers",
        "subscriptions",
        "usage_events",
        "calendars",
        "calendar_events",
        "calendar_feeds",
    }
)
"""Rows belong to one organization; forced row-level security shows no other's."""

PLATFORM_TABLES: Final = frozenset(
    {"organizations", "users", "user_sessions", "inbound_events", "plans"}
)
"""Rows of the whole service, under forced row-level security; mostly reached by functions."""

SYSTEM_TABLES: Final = frozenset(
    {
        "jobs",
        "scheduled_slots",
        "heartbeats",
        "catch_ups",
        "checklist_results",
        "checklist_sign_offs",
        "runs",
        "saq_jobs",
        "saq_stats",
        "saq_versions",
        "alembic_version",
    }
)
"""Ids, counters, codes and what operators say of the service, no client's data; no row-level
security."""
