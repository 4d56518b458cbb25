"""Follow a calendar: from now on a copy of what is in it is kept."""

import uuid
from collections.abc import Sequence
from typing import Final

from clientflow_core import failpoints
from clientflow_core.domain.calendars import Calendar
from clientflow_core.domain.followed_calendars import FollowedCalendar
from clientflow_core.domain.jobs import CALENDARS
from clientflow_core.errors import NotFound, ProviderUnavailable
from clientflow_core.jobs.handlers import JobRun, RetryLater
from clientflow_core.persistence.database import Database, Transaction
from clientflow_core.persistence.repositories.calendars import (
    add_calendar,
    ask_for,
    find_calendar,
    read_calendar,
)
from clientflow_core.persistence.repositories.jobs import enqueue
from clientflow_core.providers.spec import ProviderKind
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.services.sync_calendar import SYNC_CALENDAR
from clientflow_core.services.watch_calendar import WATCH_CALENDAR, tells_of_changes

FOLLOW_CALENDARS: Final = "follow_calendars"
"""The kind of the job that follows all calendars of a provider; it names the ``provider``."""

_MOST_NAMED: Final = 20


async def follow_calendar(
    database: Database,
    *,
    organization_id: uuid.UUID,
    provider: str,
    provider_calendar_id: str,
    registry: ProviderRegistry,
) -> FollowedCalendar:
    """Follow one calendar of *provider*; one that is followed already stays as it is.

    Raises:
        NotFound: there is no such provider of calendars, or it has no such calendar.
        ProviderError: it cannot be asked which calendars it has.
    """
    async with database.organization(organization_id) as transaction:
        followed = await find_calendar(transaction, provider, provider_calendar_id)
    if followed is not None:
        return followed
    known = calendar_providers(registry)
    if provider not in known:
        msg = f"there is no enabled provider of calendars {provider!r}; there is {_named(known)}"
        raise NotFound(msg)
    opened = await registry.calendar(provider, organization_id=organization_id)
    found = {one.provider_calendar_id: one for one in await opened.list_calendars()}
    if provider_calendar_id not in found:
        there = _named(list(found))
        msg = f"{provider} has no calendar {provider_calendar_id!r}; there is {there}"
        raise NotFound(msg)
    async with database.organization(organization_id) as transaction:
        calendar_id = await _follow(transaction, found[provider_calendar_id], provider, registry)
        return await read_calendar(transaction, calendar_id)


async def ask_to_follow(transaction: Transaction, provider: str) -> None:
    """Ask for every calendar of *provider* to be followed, once it can be asked which it has."""
    args = {"provider": provider}
    await enqueue(transaction, lane=CALENDARS, kind=FOLLOW_CALENDARS, args=args)


async def follow_calendars(run: JobRun, *, registry: ProviderRegistry) -> None:
    """Follow every calendar of the provider that the job names.

    Raises:
        RetryLater: it cannot be asked now.
    """
    provider = str(run.job.args["provider"])
    opened = await registry.calendar(provider, organization_id=run.job.organization_id)
    try:
        found = await opened.list_calendars()
    except ProviderUnavailable as error:
        raise RetryLater(error.code) from error
    failpoints.hit("follow_calendar.listed")
    async with run.last_transaction() as transaction:
        for calendar in found:
            await _follow(transaction, calendar, provider, registry)


def calendar_providers(registry: ProviderRegistry) -> Sequence[str]:
    """Name the enabled providers of calendars."""
    return [
        name
        for name, enabled in registry.providers.items()
        if enabled.spec.kind is ProviderKind.CALENDAR
    ]


async def _follow(
    transaction: Transaction, calendar: Calendar, provider: str, registry: ProviderRegistry
) -> uuid.UUID:
    calendar_id, is_new = await add_calendar(transaction, calendar, provider=provider)
    if is_new:
        await ask_for(transaction, SYNC_CALENDAR, calendar_id)
        if tells_of_changes(registry, provider):
            await ask_for(transaction, WATCH_CALENDAR, calendar_id)
    return calendar_id


def _named(names: Sequence[str]) -> str:
    return ", ".join(names[:_MOST_NAMED]) or "none"
