"""What the worker does about calendars."""

import functools
from collections.abc import Sequence
from typing import Final

from clientflow_core.clock import Clock
from clientflow_core.jobs.handlers import DatabaseJob, Handler, ProviderJob
from clientflow_core.jobs.schedules import Schedule
from clientflow_core.registry.registry import ProviderRegistry
from clientflow_core.services.ask_for_calendar_work import (
    ASK_FOR_CALENDAR_WORK,
    ask_for_calendar_work,
)
from clientflow_core.services.follow_calendar import (
    FOLLOW_CALENDARS,
    calendar_providers,
    follow_calendars,
)
from clientflow_core.services.put_appointment import (
    PUT_APPOINTMENT,
    give_up_appointment,
    put_appointment,
)
from clientflow_core.services.sync_calendar import SYNC_CALENDAR, sync_calendar
from clientflow_core.services.watch_calendar import WATCH_CALENDAR, watch_calendar

# Many pages; what takes longer goes on where it was.
_SYNC_SECONDS: Final = 300.0


def calendar_handlers(
    registry: ProviderRegistry, *, public_url: str, clock: Clock
) -> dict[str, Handler]:
    """Give who does which kind of job that concerns calendars."""
    due = functools.partial(ask_for_calendar_work, registry=registry)
    follow = functools.partial(follow_calendars, registry=registry)
    sync = functools.partial(sync_calendar, registry=registry, clock=clock)
    watch = functools.partial(watch_calendar, registry=registry, public_url=public_url, clock=clock)
    put = functools.partial(put_appointment, registry=registry, clock=clock)
    return {
        ASK_FOR_CALENDAR_WORK.kind: DatabaseJob(handle=due),
        FOLLOW_CALENDARS: ProviderJob(handle=follow),
        SYNC_CALENDAR: ProviderJob(handle=sync, deadline_seconds=_SYNC_SECONDS),
        WATCH_CALENDAR: ProviderJob(handle=watch),
        PUT_APPOINTMENT: ProviderJob(handle=put, on_dead=give_up_appointment),
    }


def calendar_schedules(registry: ProviderRegistry) -> Sequence[Schedule]:
    """Give what is done at regular times, if there are calendars that can be asked for."""
    return (ASK_FOR_CALENDAR_WORK,) if calendar_providers(registry) else ()
