"""A calendar at a secret address: made, asked for, renewed and withdrawn."""

from typing import Any

import icalendar
import pytest

from tests.host.calendars import add_calendar, add_event
from tests.host.conftest import Answer, Host

MADE = "/api/v1/calendars/{}/feed"


@pytest.fixture
def calendar(host: Host) -> str:
    """One with three events: one that is on, one that takes no time, and one that never came."""
    made = add_calendar(host, host.ours)
    add_event(host, host.ours, made)
    add_event(host, host.ours, made, title="Birthday", is_busy=False)
    add_event(host, host.ours, made, title="Refused", put_error="no room")
    return made


async def share(host: Host, calendar: str, shows: str = "all") -> str:
    """Make an address; give its path."""
    answer = await host.call("POST", MADE.format(calendar), json={"shows": shows})
    assert (answer.status, answer.body["shows"]) == (201, shows)
    url = str(answer.body["url"])
    assert url.startswith(host.assembly.settings.url)
    return url.removeprefix(host.assembly.settings.url)


def titles(answer: Answer) -> set[str]:
    """Give what the events of a feed are called."""
    assert answer.status == 200, answer
    calendar: Any = icalendar.Calendar.from_ical(answer.body)
    assert calendar["X-WR-CALNAME"] == "Work"
    return {str(one["SUMMARY"]) for one in calendar.walk("VEVENT")}


async def test_whoever_has_the_address_may_read_the_calendar(host: Host, calendar: str) -> None:
    answer = await host.bare("GET", await share(host, calendar))
    assert titles(answer) == {"Haircut", "Birthday"}
    assert "eva@example.com" not in answer.body
    assert answer.headers["Content-Type"] == "text/calendar; charset=utf-8"
    assert answer.headers["Cache-Control"] == "private, no-cache"
    assert answer.headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert answer.headers["Referrer-Policy"] == "no-referrer"


async def test_busy_times_alone_are_shown_where_that_was_asked_for(
    host: Host, calendar: str
) -> None:
    answer = await host.bare("GET", await share(host, calendar, "busy"))
    assert titles(answer) == {"Busy"}
    assert "Haircut" not in answer.body
    shown = await host.get(f"/calendars/{calendar}/feed")
    assert (shown["calendar_id"], shown["shows"]) == (calendar, "busy")
    assert "url" not in shown


async def test_what_has_not_changed_is_not_sent_again(host: Host, calendar: str) -> None:
    path = await share(host, calendar)
    first = await host.bare("GET", path)
    known = {"If-None-Match": first.headers["ETag"]}
    again = await host.bare("GET", path, headers=known)
    assert (again.status, again.body, again.headers["ETag"]) == (304, "", first.headers["ETag"])
    host.rows("UPDATE calendar_events SET title = 'Coloring' WHERE title = 'Haircut'")
    changed = await host.bare("GET", path, headers=known)
    assert titles(changed) == {"Coloring", "Birthday"}


async def test_what_lies_far_away_is_left_out(host: Host, calendar: str) -> None:
    path = await share(host, calendar)
    for title, days in (("Haircut", 364), ("Birthday", -29)):
        move = "UPDATE calendar_events SET starts_at = now() + make_interval(days => %s),"
        move += " ends_at = now() + make_interval(days => %s, hours => 1) WHERE title = %s"
        host.rows(move, days, days, title)
    assert titles(await host.bare("GET", path)) == {"Haircut", "Birthday"}
    host.rows("UPDATE calendar_events SET starts_at = now() + interval '366 days'")
    host.rows("UPDATE calendar_events SET ends_at = starts_at WHERE title = 'Haircut'")
    host.rows(
        "UPDATE calendar_events SET starts_at = now() - interval '32 days',"
        " ends_at = now() - interval '31 days' WHERE title = 'Birthday'"
    )
    assert titles(await host.bare("GET", path)) == set()


async def test_a_new_address_ends_the_one_before_and_both_can_be_withdrawn(
    host: Host, calendar: str
) -> None:
    first, second = await share(host, calendar), await share(host, calendar)
    assert (await host.bare("GET", first)).code == "not_found"
    assert (await host.bare("GET", second)).status == 200
    for _ in range(2):
        assert (await host.call("DELETE", MADE.format(calendar))).status == 204
    assert (await host.bare("GET", second)).code == "not_found"
    assert (await host.call("GET", MADE.format(calendar))).code == "not_found"


@pytest.mark.parametrize("token", ["x", "%F0%9F%91%8D", "..%2f..", "a" * 300, "%ff"])
async def test_any_other_address_is_nobodys(host: Host, calendar: str, token: str) -> None:
    await share(host, calendar)
    answer = await host.bare("GET", f"/calendars/{token}.ics")
    assert answer.status in {404, 422}
    assert "Haircut" not in str(answer.body)


async def test_the_secret_of_an_address_is_long_and_kept_by_nobody(
    host: Host, calendar: str
) -> None:
    path = await share(host, calendar)
    token = path.removeprefix("/calendars/").removesuffix(".ics")
    assert len(token) >= 43
    for table in ("calendar_feeds", "idempotency_keys", "stream_events", "jobs"):
        assert token not in str(host.rows(f"SELECT t::text FROM {table} t"))
    [(kept,)] = host.rows("SELECT octet_length(token_hash) FROM calendar_feeds")
    assert kept == 32
