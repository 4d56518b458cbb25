"""Against a real server of somebody else's: Radicale."""

import asyncio
import datetime as dt

import aiohttp
import attrs
import pytest

from clientflow_core.domain.calendars import AllDay, CalendarEvent, EventRemoved, Timed
from clientflow_core.errors import AuthFailed, CursorExpired, EditConflict, RejectedInput
from clientflow_core.providers.spec import ProviderContext
from clientflow_core.secret import Secret
from clientflow_plugins.caldav import provider
from clientflow_plugins.caldav.cursors import read_cursor
from clientflow_plugins.caldav.spec import CALDAV
from tests.plugins.caldav.conftest import HOUR, NOON, Radicale, Room, draft, pull

PAGE = 4
TODAY = (NOON - dt.timedelta(days=1)).date()
WEEKLY = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Somebody else//EN
BEGIN:VTIMEZONE
TZID:Europe/Berlin
BEGIN:STANDARD
DTSTART:19701025T030000
TZOFFSETFROM:+0200
TZOFFSETTO:+0100
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10
END:STANDARD
BEGIN:DAYLIGHT
DTSTART:19700329T020000
TZOFFSETFROM:+0100
TZOFFSETTO:+0200
RRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3
END:DAYLIGHT
END:VTIMEZONE
BEGIN:VEVENT
UID:weekly
DTSTAMP:20270101T000000Z
DTSTART;TZID=Europe/Berlin:20270315T090000
DTEND;TZID=Europe/Berlin:20270315T100000
SUMMARY:Yoga
RRULE:FREQ=WEEKLY;COUNT=4
EXDATE;TZID=Europe/Berlin:20270322T090000
END:VEVENT
BEGIN:VEVENT
UID:weekly
DTSTAMP:20270101T000000Z
RECURRENCE-ID;TZID=Europe/Berlin:20270405T090000
DTSTART;TZID=Europe/Berlin:20270405T110000
DTEND;TZID=Europe/Berlin:20270405T120000
SUMMARY:Yoga\\, later
END:VEVENT
END:VCALENDAR
"""


async def test_the_calendar_is_found_with_its_zone(room: Room) -> None:
    assert await room.calendars.verify() == "ada"
    (found,) = await room.calendars.list_calendars()
    assert attrs.asdict(found) == {
        "provider_calendar_id": room.path,
        "title": "Appointments",
        "time_zone": "Europe/Berlin",
        "is_writable": True,
    }


async def test_an_event_is_put_once_changed_and_taken_out(room: Room) -> None:
    asked = draft(description="a, b; c\nd", location="Here", attendees=("eva@example.com",))
    made, again = [await room.calendars.put_event(room.path, asked) for _ in range(2)]
    assert made == again
    assert (made.title, made.description, made.attendees) == (
        "Haircut", "a, b; c\nd", ("eva@example.com",),
    )  # fmt: skip
    (come, cursor) = await pull(room.calendars, room.path, None)
    assert come == [made]

    other = attrs.evolve(asked, title="Coloring", provider_event_id=made.provider_event_id)
    changed = await room.calendars.put_event(room.path, other, etag=made.etag)
    assert (changed.title, changed.ical_uid) == ("Coloring", made.ical_uid)
    with pytest.raises(EditConflict):
        await room.calendars.put_event(room.path, other, etag=made.etag)
    with pytest.raises(EditConflict):
        await room.calendars.delete_event(room.path, made.provider_event_id, etag=made.etag)
    (come, cursor) = await pull(room.calendars, room.path, cursor)
    assert come[-1] == changed

    for _ in range(2):
        await room.calendars.delete_event(room.path, made.provider_event_id)
    (come, cursor) = await pull(room.calendars, room.path, cursor)
    assert come == [EventRemoved(provider_event_id=made.provider_event_id)]
    assert await pull(room.calendars, room.path, cursor) == ([], cursor)


async def test_a_token_that_it_does_not_know_is_an_expired_cursor(room: Room) -> None:
    (_, cursor) = await pull(room.calendars, room.path, None)
    known = read_cursor(cursor, today=TODAY)
    for token in ("http://radicale.org/ns/sync/" + "0" * 64, "nonsense"):
        bogus = attrs.evolve(known, token=token).written()
        with pytest.raises(CursorExpired):
            await room.calendars.sync(room.path, cursor=bogus)


async def test_more_than_a_page_comes_in_pages_whatever_happens_between(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(provider, "PAGE", PAGE)
    drafts = [draft(f"event {n}") for n in range(PAGE + 3)]
    made = await asyncio.gather(*(room.calendars.put_event(room.path, one) for one in drafts))
    first = await room.calendars.sync(room.path, cursor=None)
    assert (len(first.changes), first.is_last) == (PAGE, False)
    told = [one.provider_event_id for one in first.changes]
    last = sorted({one.provider_event_id for one in made} - set(told))[-1]
    await room.calendars.delete_event(room.path, told[0])
    await room.calendars.delete_event(room.path, last)
    (more, cursor) = await pull(room.calendars, room.path, first.cursor)
    assert [one.provider_event_id for one in more if isinstance(one, EventRemoved)] == []
    assert last not in {one.provider_event_id for one in more}
    (later, _) = await pull(room.calendars, room.path, cursor)
    gone = {EventRemoved(provider_event_id=name) for name in (told[0], last)}
    assert EventRemoved(provider_event_id=told[0]) in set(later) <= gone


async def test_each_time_of_a_series_is_an_event(room: Room) -> None:
    await room.put("weekly.ics", WEEKLY)
    (come, cursor) = await pull(room.calendars, room.path, None)
    times = {}
    for one in come:
        assert isinstance(one, CalendarEvent)
        assert isinstance(one.time, Timed)
        assert one.provider_series_id == "weekly.ics"
        times[one.provider_event_id] = (one.title, one.time.starts_at.astimezone(dt.UTC))
    # Nine o'clock is another moment once the clocks are put on; one is left out, one is moved.
    assert times == {
        "weekly.ics#20270315T080000Z": ("Yoga", dt.datetime(2027, 3, 15, 8, tzinfo=dt.UTC)),
        "weekly.ics#20270329T070000Z": ("Yoga", dt.datetime(2027, 3, 29, 7, tzinfo=dt.UTC)),
        "weekly.ics#20270405T070000Z": ("Yoga, later", dt.datetime(2027, 4, 5, 9, tzinfo=dt.UTC)),
    }
    await room.put("weekly.ics", WEEKLY.replace("COUNT=4", "COUNT=1"))
    (come, _) = await pull(room.calendars, room.path, cursor)
    assert come[0] == EventRemoved(provider_event_id="weekly.ics")
    assert [one.provider_event_id for one in come[1:]] == [
        "weekly.ics#20270315T080000Z",
        "weekly.ics#20270405T070000Z",
    ]


async def times_of(room: Room) -> dict[str, tuple[str, dt.datetime]]:
    """Give the times of all series: title and beginning, by their names."""
    (come, _) = await pull(room.calendars, room.path, None)
    return {
        one.provider_event_id: (one.title, one.time.starts_at.astimezone(dt.UTC))
        for one in come
        if isinstance(one, CalendarEvent) and isinstance(one.time, Timed)
    }


async def etag_of(room: Room) -> str:
    """Give the version of the only resource."""
    (come, _) = await pull(room.calendars, room.path, None)
    (etag,) = {one.etag for one in come if isinstance(one, CalendarEvent)}
    return etag


FIRST, SECOND, LAST = (
    f"weekly.ics#{one}" for one in ("20270315T080000Z", "20270329T070000Z", "20270405T070000Z")
)


@pytest.mark.parametrize("name", [FIRST, SECOND, LAST])
async def test_one_time_of_a_series_is_changed_by_itself(room: Room, name: str) -> None:
    await room.put("weekly.ics", WEEKLY)
    before, etag = await times_of(room), await etag_of(room)
    start = dt.datetime(2027, 3, 16, 15, tzinfo=dt.UTC)
    time = Timed(starts_at=start, ends_at=start + HOUR, time_zone="Asia/Tokyo")
    change = draft("Moved", time=time, provider_event_id=name)
    changed = await room.calendars.put_event(room.path, change, etag=etag)
    assert (changed.provider_event_id, changed.title) == (name, "Moved")
    assert changed.provider_series_id == "weekly.ics"
    assert await times_of(room) == {**before, name: ("Moved", start)}
    with pytest.raises(EditConflict):
        await room.calendars.put_event(room.path, change, etag=etag)
    # And changed once more, which is the same exception.
    again = attrs.evolve(change, title="Twice")
    await room.calendars.put_event(room.path, again, etag=changed.etag)
    assert await times_of(room) == {**before, name: ("Twice", start)}


@pytest.mark.parametrize("name", [FIRST, SECOND, LAST])
async def test_one_time_of_a_series_is_taken_out_by_itself(room: Room, name: str) -> None:
    await room.put("weekly.ics", WEEKLY)
    before, etag = await times_of(room), await etag_of(room)
    del before[name]
    await room.calendars.delete_event(room.path, name, etag=etag)
    assert await times_of(room) == before
    await room.calendars.delete_event(room.path, name)
    assert await times_of(room) == before
    with pytest.raises(EditConflict):
        await room.calendars.delete_event(room.path, FIRST, etag=etag)


async def test_a_day_of_a_series_of_days_is_changed_and_taken_out(room: Room) -> None:
    lines = ("UID:d", "DTSTAMP:20270101T000000Z", "DTSTART;VALUE=DATE:20270315", "SUMMARY:Closed",
             "RRULE:FREQ=DAILY;COUNT=3")  # fmt: skip
    event = "\n".join(("BEGIN:VEVENT", *lines, "END:VEVENT"))
    await room.put("d.ics", f"BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:x\n{event}\nEND:VCALENDAR\n")
    day = AllDay(first=dt.date(2027, 3, 20), last=dt.date(2027, 3, 21))
    change = draft("Away", time=day, provider_event_id="d.ics#20270316")
    await room.calendars.put_event(room.path, change, etag=await etag_of(room))
    await room.calendars.delete_event(room.path, "d.ics#20270317")
    (come, _) = await pull(room.calendars, room.path, None)
    found = {
        one.provider_event_id: (one.title, one.time)
        for one in come
        if isinstance(one, CalendarEvent)
    }
    first = dt.date(2027, 3, 15)
    assert found == {
        "d.ics#20270315": ("Closed", AllDay(first=first, last=first)),
        "d.ics#20270316": ("Away", day),
    }


async def test_the_last_time_of_what_has_no_whole_takes_the_resource_with_it(room: Room) -> None:
    head, _, rest = WEEKLY.partition("BEGIN:VEVENT")
    _, event, other = rest.partition("BEGIN:VEVENT")
    await room.put("weekly.ics", head + event + other)
    assert list(await times_of(room)) == [LAST]
    await room.calendars.delete_event(room.path, LAST, etag=await etag_of(room))
    assert (await pull(room.calendars, room.path, None))[0] == []


async def test_a_time_that_a_series_has_not_cannot_be_changed_and_need_not_be_taken_out(
    room: Room,
) -> None:
    await room.put("weekly.ics", WEEKLY)
    before, etag = await times_of(room), await etag_of(room)
    for name in ("weekly.ics#20270322T080000Z", "weekly.ics#20270315T090000Z"):
        with pytest.raises(EditConflict):
            await room.calendars.put_event(room.path, draft(provider_event_id=name), etag=etag)
        await room.calendars.delete_event(room.path, name)
    await room.calendars.delete_event(room.path, "nothing.ics#20270322T080000Z")
    for name in ("weekly.ics#tomorrow", "weekly.ics#2027-03-22"):
        with pytest.raises(RejectedInput):
            await room.calendars.delete_event(room.path, name)
    assert (await times_of(room), await etag_of(room)) == (before, etag)


async def test_a_series_is_taken_out_whole_and_not_changed_whole_from_here(room: Room) -> None:
    await room.put("weekly.ics", WEEKLY)
    etag = await etag_of(room)
    with pytest.raises(RejectedInput):
        await room.calendars.put_event(room.path, draft(provider_event_id="weekly.ics"), etag=etag)
    await room.calendars.delete_event(room.path, "weekly.ics", etag=etag)
    assert (await pull(room.calendars, room.path, None))[0] == []


async def test_busy_is_what_takes_up_time_in_series_as_well(room: Room) -> None:
    await room.put("weekly.ics", WEEKLY)
    monday = dt.datetime(2027, 3, 29, 0, tzinfo=dt.UTC)
    busy_draft = draft(
        time=Timed(starts_at=monday + 20 * HOUR, ends_at=monday + 21 * HOUR, time_zone="UTC")
    )
    free = attrs.evolve(busy_draft, id=draft().id, is_busy=False)
    day = AllDay(first=dt.date(2027, 3, 30), last=dt.date(2027, 3, 30))
    for one in (busy_draft, free, draft(time=day)):
        await room.calendars.put_event(room.path, one)
    found = await room.calendars.list_busy_times(
        [room.path], starts_at=monday, ends_at=monday + 48 * HOUR
    )
    begins = sorted(one.starts_at.astimezone(dt.UTC) for one in found)
    # The whole day begins at midnight in Berlin.
    assert begins == [monday + 7 * HOUR, monday + 20 * HOUR, monday + 22 * HOUR]


async def test_a_wrong_password_and_an_unknown_calendar_are_told(
    radicale: Radicale, http: aiohttp.ClientSession, room: Room
) -> None:
    wrong = attrs.evolve(radicale.settings, password=Secret("another"))
    async with CALDAV.open(ProviderContext(http=http), wrong) as opened:
        with pytest.raises(AuthFailed):
            await opened.verify()
    with pytest.raises(RejectedInput):
        await room.calendars.sync("/ada/nothing/", cursor=None)
    with pytest.raises(RejectedInput):
        await room.calendars.put_event("/ada/nothing/", draft())
