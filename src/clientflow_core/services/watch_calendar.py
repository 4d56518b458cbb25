"""Have the changes of a calendar told: a new watch before the old one ends."""

import datetime as dt
from typing import Final

import structlog

from clientflow_core import failpoints
from clientflow_core.clock import Clock
from clientflow_core.domain.calendars import Watch, WatchRequest
from clientflow_core.domain.followed_calendars import FollowedCalendar
from clientflow_core.errors import (
    OutcomeUnknown,
    PluginError,
    ProviderError,
    ProviderRefused,
    ProviderUnavailable,
    SettingsError,
)
from clientflow_core.ids import new_id
from clientflow_core.jobs.handlers import JobRun, RetryLater
from clientflow_core.persistence.repositories.calendars import (
    ask_for,
    keep_watch,
    read_calendar,
)
from clientflow_core.providers.calendar import SupportsPush
from clientflow_core.providers.spec import Capability
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.services.sync_calendar import SYNC_CALENDAR

WATCH_CALENDAR: Final = "watch_calendar"
"""The kind of the job; it names the calendar by ``calendar_id``."""

# Of its time, after which the next one is asked for: there is a third left to try it again in.
_RENEWED_AFTER: Final = 2 / 3
_REFUSED_PAUSE: Final = dt.timedelta(hours=1)
log = structlog.get_logger(__name__)


def tells_of_changes(registry: ProviderRegistry, provider: str) -> bool:
    """Whether *provider* can be asked to tell us of changes, at an address that it reaches."""
    spec = registry.spec(provider)
    return Capability.PUSH in spec.capabilities and bool(spec.webhooks)


async def watch_calendar(
    run: JobRun, *, registry: ProviderRegistry, public_url: str, clock: Clock
) -> None:
    """Begin a new watch of a calendar, and end the one that there was.

    Where the provider will not have it the calendar is polled, and it is asked again in an hour.

    Args:
        run: the job.
        registry: the enabled providers.
        public_url: where the provider reaches us.
        clock: tells the time.

    Raises:
        RetryLater: it could not be now.
    """
    async with run.transaction() as transaction:
        calendar = await read_calendar(transaction, run.job.id_arg("calendar_id"))
    opened = await registry.calendar(calendar.provider, organization_id=run.job.organization_id)
    if not isinstance(opened, SupportsPush):
        await _keep(run, calendar, None, renews_at=clock.now() + _REFUSED_PAUSE)
        return
    address = public_url.rstrip("/") + registry.spec(calendar.provider).webhooks[0].path
    request = WatchRequest(
        provider_calendar_id=calendar.provider_calendar_id, id=new_id(), address=address
    )
    try:
        watch = await opened.watch(request)
    except ProviderRefused as error:
        log.warning("calendar_not_watched", calendar_id=str(calendar.id), code=error.code)
        await _keep(run, calendar, None, renews_at=clock.now() + _REFUSED_PAUSE)
        return
    except (ProviderUnavailable, OutcomeUnknown) as error:
        # One that was begun nevertheless tells nobody, and ends by itself.
        raise RetryLater(error.code) from error
    failpoints.hit("watch_calendar.called")
    now = clock.now()
    await _keep(run, calendar, watch, renews_at=now + (watch.expires_at - now) * _RENEWED_AFTER)
    failpoints.hit("watch_calendar.kept")
    if calendar.watch is not None:
        await _end(opened, calendar.watch)


async def _keep(
    run: JobRun, calendar: FollowedCalendar, watch: Watch | None, *, renews_at: dt.datetime
) -> None:
    async with run.last_transaction() as transaction:
        # One that is refused today does not take away what was granted before.
        kept = watch or calendar.watch
        await keep_watch(transaction, calendar.id, watch=kept, renews_at=renews_at)
        if watch is not None:
            # For what has changed before we knew the watch by which it was told.
            await ask_for(transaction, SYNC_CALENDAR, calendar.id)


async def _end(opened: SupportsPush, watch: Watch) -> None:
    try:
        await opened.end_watch(watch)
    except (ProviderError, PluginError, SettingsError) as error:
        # It ends by itself; until then what it tells concerns nobody.
        log.info("old_watch_not_ended", watch_id=str(watch.id), code=error.code)
