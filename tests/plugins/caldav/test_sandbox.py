"""The stand-in is as strict as the protocol."""

import datetime as dt
from typing import Any

import aiohttp
import pytest

from clientflow_core.domain.calendars import AllDay, CalendarEvent, EventRemoved, Timed
from clientflow_core.errors import AuthFailed, InvalidInput, RejectedInput
from clientflow_plugins.caldav.bodies import (
    CALENDARS,
    PRINCIPAL,
    changes_since,
    events_at,
    events_between,
)
from clientflow_plugins.caldav.events import write_event
from clientflow_plugins.caldav.provider import CaldavCalendars
from clientflow_plugins.caldav.sandbox import CaldavSandbox
from clientflow_plugins.caldav.sandbox.collections import MOST_CHANGES
from tests.plugins.caldav.conftest import NOON, draft, pull

MAIN = "/caldav/calendars/bookings/appointments/"
XML = "application/xml"
ICS = "text/calendar; charset=utf-8"
GOOD = write_event(draft(), now=NOON)
OTHER = b"BEGIN:VEVENT\r\nUID:x\r\nDTSTAMP:20270101T000000Z\r\nDTSTART:20270101T000000Z\r\n"
OTHER += b"END:VEVENT\r\nEND:VCALENDAR"
BETWEEN = events_between(NOON, NOON)


async def ask(
    sandbox: CaldavSandbox, http: aiohttp.ClientSession, method: str, path: str, **more: Any
) -> tuple[int, str]:
    """Ask with good credentials; give the status and the body."""
    pair = [sandbox.credentials[one] for one in ("CALDAV_USERNAME", "CALDAV_PASSWORD")]
    headers = {"Authorization": aiohttp.encode_basic_auth(*pair), **more.pop("headers", {})}
    url = sandbox.base_url + path
    async with http.request(method, url, headers=headers, **more) as answer:
        return answer.status, await answer.text()


@pytest.mark.parametrize(
    ("headers", "body", "status", "condition"),
    [
        ({"Content-Type": ICS}, GOOD, 428, ""),
        ({"Content-Type": ICS, "If-Match": '"1"', "If-None-Match": "*"}, GOOD, 428, ""),
        ({"Content-Type": ICS, "If-Match": '"1"'}, GOOD, 412, ""),
        ({"Content-Type": ICS, "If-None-Match": '"1"'}, GOOD, 412, ""),
        (
            {"Content-Type": "text/plain", "If-None-Match": "*"},
            GOOD,
            415,
            "supported-calendar-data",
        ),
        ({}, b"nonsense", 403, "valid-calendar-data"),
        ({}, GOOD.replace(b"VERSION:2.0", b"VERSION:1.0"), 403, "valid-calendar-data"),
        ({}, GOOD.replace(b"UID:", b"X-UID:"), 403, "valid-calendar-data"),
        ({}, GOOD.replace(b"DTSTAMP", b"X-STAMP"), 403, "valid-calendar-data"),
        # The zone is named and not described.
        ({}, GOOD.replace(b"TZID:Europe", b"TZID:Asia"), 403, "valid-calendar-data"),
        ({}, GOOD.replace(b"DTEND;", b"DTEND;VALUE=DATE;X="), 403, "valid-calendar-data"),
        ({}, GOOD.replace(b"VERSION", b"METHOD:REQUEST\r\nVERSION"), 403, "object-resource"),
        ({}, GOOD.replace(b"VEVENT", b"VTODO"), 403, "object-resource"),
        ({}, GOOD.replace(b"END:VCALENDAR", OTHER), 403, "object-resource"),
        ({}, GOOD + b" " * 300_000, 403, "max-resource-size"),
    ],
)
async def test_what_may_not_be_kept_is_refused(
    sandbox: CaldavSandbox,
    http: aiohttp.ClientSession,
    headers: dict[str, str],
    body: bytes,
    status: int,
    condition: str,
) -> None:
    asked = headers or {"Content-Type": ICS, "If-None-Match": "*"}
    path = "/calendars/bookings/appointments/x.ics"
    found = await ask(sandbox, http, "PUT", path, data=body, headers=asked)
    assert found[0] == status
    assert condition in found[1]
    assert sandbox.state()["calendars"]["appointments"]["events"] == {}


@pytest.mark.parametrize(
    ("method", "path", "headers", "body", "status"),
    [
        ("PROPFIND", "/", {"Content-Type": XML}, PRINCIPAL, 400),
        ("PROPFIND", "/", {"Content-Type": XML, "Depth": "1"}, PRINCIPAL, 400),
        ("PROPFIND", "/", {"Content-Type": "text/plain", "Depth": "0"}, PRINCIPAL, 415),
        ("PROPFIND", "/", {"Content-Type": XML, "Depth": "0"}, b"<a", 400),
        ("PROPFIND", "/", {"Content-Type": XML, "Depth": "0"}, b"<propfind xmlns='DAV:'/>", 400),
        ("PROPFIND", "/?x=1", {"Content-Type": XML, "Depth": "0"}, PRINCIPAL, 400),
        ("PROPFIND", "/principals/eve/", {"Content-Type": XML, "Depth": "0"}, CALENDARS, 403),
        ("REPORT", MAIN[7:], {"Content-Type": XML, "Depth": "1"}, changes_since(""), 400),
        ("REPORT", MAIN[7:], {"Content-Type": XML, "Depth": "0"}, changes_since("x"), 403),
        ("REPORT", MAIN[7:], {"Content-Type": XML, "Depth": "0"}, events_at(["/else/"]), 400),
        ("REPORT", MAIN[7:], {"Content-Type": XML, "Depth": "0"}, PRINCIPAL, 403),
        ("REPORT", MAIN[7:], {"Content-Type": XML, "Depth": "0"}, BETWEEN, 400),
        (
            "REPORT",
            MAIN[7:],
            {"Content-Type": XML, "Depth": "1"},
            BETWEEN.replace(b"20270105T", b"soon"),
            403,
        ),
        (
            "PROPFIND",
            "/",
            {"Content-Type": XML, "Depth": "0"},
            PRINCIPAL.replace(b'"DAV:"', b'"x"', 0).replace(b"<D:current", b"<current"),
            400,
        ),
        ("REPORT", "/calendars/bookings/x/", {"Content-Type": XML}, changes_since(""), 404),
        ("GET", MAIN[7:] + "nothing.ics", {}, b"", 404),
        ("DELETE", MAIN[7:] + "nothing.ics", {}, b"", 404),
        ("PUT", "/calendars/bookings/x/y.ics", {}, GOOD, 409),
    ],
)
async def test_a_call_that_is_not_as_it_has_to_be_is_refused(  # noqa: PLR0917 - a table
    sandbox: CaldavSandbox,
    http: aiohttp.ClientSession,
    method: str,
    path: str,
    headers: dict[str, str],
    body: bytes,
    status: int,
) -> None:
    found = await ask(sandbox, http, method, path, data=body, headers=headers)
    assert found[0] == status


async def test_one_that_is_gone_is_told_as_such(
    sandbox: CaldavSandbox, http: aiohttp.ClientSession
) -> None:
    headers = {"Content-Type": XML, "Depth": "0"}
    body = events_at([f"{MAIN}nothing.ics"])
    status, text = await ask(sandbox, http, "REPORT", MAIN[7:], data=body, headers=headers)
    assert status == 207
    assert "404 Not Found" in text


async def test_two_events_of_one_uid_are_refused(
    sandbox: CaldavSandbox, http: aiohttp.ClientSession
) -> None:
    headers = {"Content-Type": ICS, "If-None-Match": "*"}
    found = [
        await ask(sandbox, http, "PUT", f"{MAIN[7:]}{name}.ics", data=GOOD, headers=headers)
        for name in ("a", "b")
    ]
    assert [status for status, _ in found] == [201, 409]
    assert "no-uid-conflict" in found[1][1]


async def test_what_can_only_be_read_is_not_written_to(
    sandbox: CaldavSandbox, calendars: CaldavCalendars
) -> None:
    found = {one.title: one for one in await calendars.list_calendars()}
    assert {name: one.is_writable for name, one in found.items()} == {
        "Appointments": True,
        "Holidays": False,
    }
    with pytest.raises(AuthFailed, match="need-privileges"):
        await calendars.put_event(found["Holidays"].provider_calendar_id, draft())


async def test_what_others_do_comes_by_sync(
    sandbox: CaldavSandbox, calendars: CaldavCalendars
) -> None:
    happen = {event.name: event for event in sandbox.events()}

    def let(name: str, **values: str) -> str:
        event = happen[name]
        given = {field.name: values.get(field.name, field.default or "") for field in event.fields}
        return str(event.happen(given).facts.get("event", ""))

    one, series = let("event.created", title="Dentist"), let("series.created", title="Yoga")
    (come, cursor) = await pull(calendars, MAIN, None)
    events = [each for each in come if isinstance(each, CalendarEvent)]
    assert sorted((each.title, each.provider_series_id) for each in events) == sorted(
        [("Dentist", None), *[("Yoga", series)] * 4], key=str
    )
    let("event.changed", id=one, title="Surgeon")
    let("event.removed", id=series)
    (come, _) = await pull(calendars, MAIN, cursor)
    assert EventRemoved(provider_event_id=series) in come
    assert [each.title for each in come if isinstance(each, CalendarEvent)] == ["Surgeon"]
    for name, values in (
        ("event.changed", {"id": "x"}),
        ("event.created", {"starts_at": "soon"}),
        ("event.created", {"starts_at": "2027-01-01"}),
        ("series.created", {"rule": "often"}),
    ):
        with pytest.raises(InvalidInput):
            let(name, **values)


async def test_changes_are_cut_off_and_gone_on_with(calendars: CaldavCalendars) -> None:
    for number in range(MOST_CHANGES + 1):
        await calendars.put_event(MAIN, draft(f"event {number}"))
    first = await calendars.sync(MAIN, cursor=None)
    assert (len(first.changes), first.is_last) == (MOST_CHANGES, False)
    second = await calendars.sync(MAIN, cursor=first.cursor)
    assert len([one for one in second.changes if isinstance(one, CalendarEvent)]) == 1
    assert second.is_last


async def test_one_event_that_is_spoiled_does_not_hold_up_the_others(
    sandbox: CaldavSandbox, calendars: CaldavCalendars
) -> None:
    made = await calendars.put_event(MAIN, draft())
    main = sandbox._collections["appointments"]
    main.put("spoiled.ics", GOOD.replace(b"DTSTART", b"X-START"), uid="spoiled")
    assert (await pull(calendars, MAIN, None))[0] == [made]


async def test_the_console_shows_what_stands_in_them(
    sandbox: CaldavSandbox, calendars: CaldavCalendars
) -> None:
    day = AllDay(first=dt.date(2027, 1, 6), last=dt.date(2027, 1, 7))
    await calendars.put_event(MAIN, draft("Fair", time=day))
    await calendars.put_event(MAIN, draft())
    shown = sandbox.panel().sheets[0]
    assert [(one.title, one.starts, one.ends) for one in shown.entries] == [
        ("Haircut", NOON, NOON + dt.timedelta(hours=1)),
        ("Fair", day.first, day.last),
    ]


@pytest.mark.parametrize("name", ["work", "/work", "work/", "//evil.example"])
async def test_what_is_no_path_is_no_calendar(calendars: CaldavCalendars, name: str) -> None:
    with pytest.raises(RejectedInput, match="no calendar here"):
        await calendars.sync(name, cursor=None)


async def test_a_change_of_a_series_is_refused(
    sandbox: CaldavSandbox, calendars: CaldavCalendars
) -> None:
    happen = {event.name: event for event in sandbox.events()}["series.created"]
    happen.happen({one.name: one.default or "" for one in happen.fields})
    ((time, *_), _) = await pull(calendars, MAIN, None)
    assert isinstance(time, CalendarEvent)
    assert isinstance(time.time, Timed)
    change = draft(provider_event_id=time.provider_series_id)
    with pytest.raises(RejectedInput, match="in the calendar itself"):
        await calendars.put_event(MAIN, change, etag=time.etag)
