"""The net under the notices: what nobody tells us of is asked for in turn."""

import datetime as dt
from typing import Final

from clientflow_core.domain.jobs import UPKEEP, Job
from clientflow_core.jobs.schedules import Schedule
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.calendars import ask_for_due_work
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.services.follow_calendar import calendar_providers
from clientflow_core.services.watch_calendar import tells_of_changes

ASK_FOR_CALENDAR_WORK: Final = Schedule(
    name="ask_for_calendar_work", every_seconds=20, lane=UPKEEP, kind="ask_for_calendar_work"
)

_UNWATCHED_AFTER: Final = dt.timedelta(minutes=1)
_WATCHED_AFTER: Final = dt.timedelta(minutes=15)
_MOST: Final = 1_000


async def ask_for_calendar_work(
    transaction: Transaction, _: Job, *, registry: ProviderRegistry
) -> None:
    """Ask for the syncs and the watches that are due.

    A calendar is synced once a minute; one of which we are told, and that is in order, every
    quarter of an hour.
    """
    providers = calendar_providers(registry)
    await ask_for_due_work(
        transaction,
        providers=providers,
        watching=[name for name in providers if tells_of_changes(registry, name)],
        unwatched_after=_UNWATCHED_AFTER,
        watched_after=_WATCHED_AFTER,
        most=_MOST,
    )
