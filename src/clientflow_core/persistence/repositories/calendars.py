"""Calendars that are followed: how far each has come, and what is due at them."""

import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any, Final

import attrs
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from clientflow_core.domain.calendars import Calendar, Watch
from clientflow_core.domain.followed_calendars import FollowedCalendar
from clientflow_core.domain.jobs import CALENDARS
from clientflow_core.errors import NotFound
from clientflow_core.ids import IdPrefix, new_id, to_public_id
from clientflow_core.persistence.database import Transaction
from clientflow_core.persistence.repositories.jobs import enqueue
from clientflow_core.persistence.tables import calendars

_COLUMNS: Final = [
    calendars.c[name]
    for name in (
        "id",
        "provider",
        "provider_calendar_id",
        "title",
        "time_zone",
        "is_writable",
        "cursor",
        "sweep_id",
        "last_synced_at",
        "last_error",
        "watch_id",
        "provider_watch_id",
        "watch_expires_at",
        "created_at",
    )
]
_DAY_SECONDS: Final = 86_400
# One that has begun may have asked the provider before the change that this is about.
_IS_WAITING: Final = sa.text(
    """
    SELECT EXISTS (
        SELECT 1 FROM jobs WHERE lane = :lane AND kind = :kind AND claimed_by IS NULL
            AND dead_at IS NULL AND args ->> 'calendar_id' = :calendar_id)
    """
)
_ASK_FOR_WORK: Final = sa.text(
    """
    SELECT ask_for_calendar_work(
        cast(:providers AS text[]), cast(:watching AS text[]), :unwatched_after, :watched_after,
        :most)
    """
)
_ENDING_WATCHES: Final = sa.text(
    "SELECT * FROM list_watches_ending_before(cast(:providers AS text[]), :moment)"
)
_BEGIN_ANEW: Final = sa.text(
    """
    UPDATE calendars SET cursor = NULL, sweep_id = :sweep_id
    WHERE id = :id AND cursor IS NOT NULL AND sweep_id IS NULL
        AND (now() AT TIME ZONE 'UTC' - :offset)::date
            > (last_synced_at AT TIME ZONE 'UTC' - :offset)::date
    """
)
_ROUTE: Final = sa.text(
    "SELECT organization_id, calendar_id FROM route_calendar_change(:id, :provider, :watch_id)"
)


async def add_calendar(
    transaction: Transaction, calendar: Calendar, *, provider: str
) -> tuple[uuid.UUID, bool]:
    """Follow a calendar of *provider*; give its id, and whether it was not followed before."""
    values = {
        "organization_id": transaction.scope,
        "id": new_id(),
        "provider": provider,
        "provider_calendar_id": calendar.provider_calendar_id,
        "title": calendar.title,
        "time_zone": calendar.time_zone,
        "is_writable": calendar.is_writable,
    }
    statement = insert(calendars).values(values)
    renewed = {name: statement.excluded[name] for name in ("title", "time_zone", "is_writable")}
    key = ["organization_id", "provider", "provider_calendar_id"]
    statement = statement.on_conflict_do_update(index_elements=key, set_=renewed)
    found: uuid.UUID = await transaction.scalar(statement.returning(calendars.c.id))
    return found, found == values["id"]


async def list_calendars(transaction: Transaction) -> Sequence[FollowedCalendar]:
    """List the calendars that are followed, by their titles."""
    statement = sa.select(*_COLUMNS).order_by(calendars.c.title, calendars.c.id)
    return [_to_calendar(row) for row in (await transaction.execute(statement)).mappings()]


async def find_calendar(
    transaction: Transaction, provider: str, provider_calendar_id: str
) -> FollowedCalendar | None:
    """Give the calendar of *provider* that is followed under this name, if one is."""
    statement = sa.select(*_COLUMNS).where(
        calendars.c.provider == provider,
        calendars.c.provider_calendar_id == provider_calendar_id,
    )
    row = (await transaction.execute(statement)).mappings().one_or_none()
    return _to_calendar(row) if row else None


async def read_calendar(
    transaction: Transaction, calendar_id: uuid.UUID, *, is_locked: bool = False
) -> FollowedCalendar:
    """Read one calendar; with *is_locked* nobody else changes it, or its events, meanwhile.

    Raises:
        NotFound: this organization follows none with this id.
    """
    statement = sa.select(*_COLUMNS).where(calendars.c.id == calendar_id)
    if is_locked:
        statement = statement.with_for_update()
    row = (await transaction.execute(statement)).mappings().one_or_none()
    if row is None:
        msg = f"there is no calendar {to_public_id(IdPrefix.CALENDAR, calendar_id)}"
        raise NotFound(msg)
    return _to_calendar(row)


async def update_calendar(transaction: Transaction, calendar_id: uuid.UUID, **values: Any) -> None:
    """Change columns of a calendar."""
    statement = calendars.update().where(calendars.c.id == calendar_id).values(values)
    await transaction.execute(statement)


async def begin_anew_once_a_day(transaction: Transaction, calendar_id: uuid.UUID) -> None:
    """Let a calendar be read from the beginning with the first sync of its day.

    Each has a day that begins at a moment of its own, so that they do not all come at once.
    """
    offset = dt.timedelta(seconds=calendar_id.int % _DAY_SECONDS)
    parameters = {"id": calendar_id, "sweep_id": new_id(), "offset": offset}
    await transaction.execute(_BEGIN_ANEW, parameters)


async def keep_watch(
    transaction: Transaction,
    calendar_id: uuid.UUID,
    *,
    watch: Watch | None,
    renews_at: dt.datetime,
) -> None:
    """Write down by which watch changes are told, and when the next one is to be asked for."""
    await update_calendar(
        transaction,
        calendar_id,
        watch_id=watch.id if watch else None,
        provider_watch_id=watch.provider_watch_id if watch else None,
        watch_expires_at=watch.expires_at if watch else None,
        watch_renews_at=renews_at,
    )


async def ask_for(transaction: Transaction, kind: str, calendar_id: uuid.UUID) -> None:
    """Ask for a job of a calendar, unless one waits already that has not begun."""
    names = {"lane": CALENDARS, "kind": kind, "calendar_id": str(calendar_id)}
    if not await transaction.scalar(_IS_WAITING, names):
        args = {"calendar_id": str(calendar_id)}
        await enqueue(transaction, lane=CALENDARS, kind=kind, args=args)


async def ask_for_due_work(
    transaction: Transaction,
    *,
    providers: Sequence[str],
    watching: Sequence[str],
    unwatched_after: dt.timedelta,
    watched_after: dt.timedelta,
    most: int,
) -> int:
    """Ask for the syncs and the watches that are due, of all organizations.

    Args:
        transaction: of the system.
        providers: those whose calendars can be synced.
        watching: those of them that tell of changes.
        unwatched_after: how long a calendar goes without a sync of which nobody tells us.
        watched_after: how long one goes of which somebody does.
        most: how many jobs at once.

    Returns:
        How many jobs were asked for.
    """
    parameters = {
        "providers": list(providers),
        "watching": list(watching),
        "unwatched_after": unwatched_after,
        "watched_after": watched_after,
        "most": most,
    }
    asked = int(await transaction.scalar(_ASK_FOR_WORK, parameters))
    if asked:
        transaction.wake(CALENDARS)
    return asked


@attrs.frozen(kw_only=True)
class EndingWatch:
    """A calendar of which nobody will tell us any more from some moment on.

    Attributes:
        expires_at: when its watch ends, or has ended; None where it never had one.
        renews_at: when the next one is asked for; None for at once.
    """

    organization_id: uuid.UUID
    calendar_id: uuid.UUID
    expires_at: dt.datetime | None
    renews_at: dt.datetime | None


async def list_watches_ending_before(
    transaction: Transaction, moment: dt.datetime, *, providers: Sequence[str]
) -> Sequence[EndingWatch]:
    """List the calendars, of all organizations, whose watch ends by *moment* or is not there.

    Args:
        transaction: of the system.
        moment: aware.
        providers: those that tell of changes; of the others nothing is watched.
    """
    parameters = {"providers": list(providers), "moment": moment}
    rows = await transaction.execute(_ENDING_WATCHES, parameters)
    return [
        EndingWatch(
            organization_id=row.organization_id,
            calendar_id=row.calendar_id,
            expires_at=row.watch_expires_at,
            renews_at=row.watch_renews_at,
        )
        for row in rows
    ]


async def route_calendar_change(
    transaction: Transaction, event_id: uuid.UUID, *, provider: str, watch_id: uuid.UUID
) -> tuple[uuid.UUID, uuid.UUID] | None:
    """Find whose calendar a watch is of, and give the event to them; None if it is nobody's.

    Returns:
        The organization and the calendar.
    """
    parameters = {"id": event_id, "provider": provider, "watch_id": watch_id}
    row = (await transaction.execute(_ROUTE, parameters)).one_or_none()
    return (row.organization_id, row.calendar_id) if row else None


def _to_calendar(row: sa.RowMapping) -> FollowedCalendar:
    values = dict(row)
    watch_id, name, expires_at = (
        values.pop(column) for column in ("watch_id", "provider_watch_id", "watch_expires_at")
    )
    watch = Watch(id=watch_id, provider_watch_id=name, expires_at=expires_at) if watch_id else None
    return FollowedCalendar(**values, watch=watch)
