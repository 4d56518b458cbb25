"""The events that are kept, and in which order they are given."""

import datetime as dt
import uuid
from collections.abc import Sequence

import pytest

from clientflow_core.domain.calendars import AllDay, Calendar, EventDraft, Timed
from clientflow_core.errors import NotFound
from clientflow_core.persistence.database import Database
from clientflow_core.persistence.repositories.calendar_events import (
    add_draft,
    list_events,
    read_event,
)
from clientflow_core.persistence.repositories.calendars import add_calendar, read_calendar
from tests.conftest import Business

NOON = dt.datetime(2027, 1, 5, 12, tzinfo=dt.UTC)
HOUR = dt.timedelta(hours=1)
DAY = dt.timedelta(days=1)


def at(hours: float, *, length: float = 1) -> Timed:
    """Give a time so many hours after noon."""
    starts = NOON + hours * HOUR
    return Timed(starts_at=starts, ends_at=starts + length * HOUR, time_zone="UTC")


async def fill(database: Database, business: Business, **times: Timed | AllDay) -> uuid.UUID:
    """Put events into a calendar, each by its name."""
    async with database.organization(business.organization_id) as transaction:
        calendar = Calendar(
            provider_calendar_id="/x/", title="X", time_zone="UTC", is_writable=True
        )
        calendar_id, _ = await add_calendar(transaction, calendar, provider="caldav")
        for name, time in times.items():
            draft = EventDraft(id=uuid.uuid4(), title=f"{name}\0", time=time)
            await add_draft(transaction, draft, calendar_id=calendar_id)
    return calendar_id


async def listed(
    database: Database,
    business: Business,
    *,
    days: int = 1,
    page: int = 100,
    calendar_id: uuid.UUID | None = None,
) -> Sequence[str]:
    """Give the titles of what lies between noon and some days later, read page by page."""
    titles: list[str] = []
    after = None
    async with database.organization(business.organization_id) as transaction:
        while found := await list_events(
            transaction,
            calendar_id=calendar_id,
            starts_at=NOON,
            ends_at=NOON + days * DAY,
            after=after,
            most=page,
        ):
            titles += [one.title for one in found]
            after = found[-1].id
    return titles


@pytest.mark.parametrize("page", [1, 2, 100])
async def test_what_lies_within_or_reaches_into_it_is_given_by_its_beginning(
    database: Database, business: Business, page: int
) -> None:
    day = NOON.date()
    await fill(
        database,
        business,
        after=at(25),
        late=at(3),
        before=at(-3),
        early=at(-1, length=2),
        same=at(3),
        today=AllDay(first=day, last=day),
        long=AllDay(first=day - 3 * DAY, last=day),
        yesterday=AllDay(first=day - DAY, last=day - DAY),
    )
    found = await listed(database, business, page=page)
    assert found[:3] == ["long", "today", "early"]
    assert sorted(found[3:]) == ["late", "same"]


async def test_only_those_of_one_calendar_are_given_where_it_is_named(
    database: Database, business: Business
) -> None:
    calendar_id = await fill(database, business, one=at(1))
    assert await listed(database, business, calendar_id=calendar_id) == ["one"]
    assert await listed(database, business, calendar_id=uuid.uuid4()) == []


async def test_what_is_not_there_is_not_found(database: Database, business: Business) -> None:
    async with database.organization(business.organization_id) as transaction:
        with pytest.raises(NotFound, match="cev_"):
            await read_event(transaction, uuid.uuid4())
        with pytest.raises(NotFound, match="cal_"):
            await read_calendar(transaction, uuid.uuid4())
