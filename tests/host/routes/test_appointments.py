"""Appointments by the API: a client is asked to come, one is moved, one is called off."""

from collections.abc import AsyncIterator
from typing import Any, Final

import pytest

from tests.host.calendars import KEPT, Diary, add_calendar, add_event
from tests.host.conftest import Host

SALON: Final = "salon@example.com"
ASKED: Final[dict[str, Any]] = {
    "title": "Coloring",
    "starts_at": "2037-01-05T09:00:00Z",
    "ends_at": "2037-01-05T10:00:00Z",
}


@pytest.fixture
async def diary() -> AsyncIterator[Diary]:
    """A server that keeps calendars."""
    async with Diary.served() as made:
        yield made


@pytest.fixture
def values(values: dict[str, str], diary: Diary) -> dict[str, str]:
    """With the calendars."""
    return values | diary.sandbox.settings()


@pytest.fixture
def calendar(host: Host) -> str:
    """One that is followed, and an address for e-mail."""
    host.rows(
        "INSERT INTO channels (organization_id, id, provider, address, medium, name)"
        " VALUES (%s, gen_random_uuid(), 'smtp', %s, 'email', 'Mail')",
        *(host.ours.id, SALON),
    )
    return add_calendar(host, host.ours, name=KEPT)


async def client(host: Host, *, email: str | None) -> str:
    """Add a client, with an e-mail address or without one."""
    made = await host.post("/contacts", {"phone": "+14155550177", "name": "Eva"})
    contact = str(made.body["id"])
    if email is not None:
        host.rows(
            "INSERT INTO contact_points (organization_id, id, contact_id, kind, value)"
            " SELECT organization_id, gen_random_uuid(), id, 'email', %s FROM contacts",
            email,
        )
    return contact


def subjects(host: Host) -> list[str]:
    """Give those of the e-mails that are on their way."""
    return [
        subject
        for (subject,) in host.rows(
            "SELECT subject FROM messages WHERE subject IS NOT NULL ORDER BY id"
        )
    ]


async def test_a_client_who_is_named_is_asked_to_come(host: Host, calendar: str) -> None:
    contact = await client(host, email="eva@example.com")
    asked = ASKED | {"attendees": ["bob@example.com"], "contact_id": contact}
    made = await host.post(f"/calendars/{calendar}/events", asked)
    assert (made.status, made.body["attendees"]) == (202, ["bob@example.com", "eva@example.com"])
    # Nobody is told before it is in the calendar.
    assert (made.body["invited"], subjects(host)) == ([], [])


async def test_a_client_without_an_address_cannot_be_asked(host: Host, calendar: str) -> None:
    contact = await client(host, email=None)
    made = await host.post(f"/calendars/{calendar}/events", ASKED | {"contact_id": contact})
    assert (made.status, made.pointers) == (422, ["/contact_id"])
    nobody = ASKED | {"contact_id": f"con_{'0' * 32}"}
    made = await host.post(f"/calendars/{calendar}/events", nobody)
    assert (made.status, made.code) == (404, "not_found")


async def test_an_appointment_is_moved_and_called_off_and_the_client_is_told(
    host: Host, calendar: str, diary: Diary
) -> None:
    contact = await client(host, email="eva@example.com")
    event = add_event(host, host.ours, calendar, **diary.put())
    path, asked = f"/api/v1/calendars/{calendar}/events/{event}", ASKED | {"contact_id": contact}
    changed = await host.call("PUT", path, json=asked)
    assert (changed.status, changed.body["id"], changed.body["title"]) == (200, event, "Coloring")
    assert changed.body["invited"] == ["eva@example.com"]
    later = asked | {"ends_at": "2037-01-05T11:00:00Z"}
    assert (await host.call("PUT", path, json=later)).status == 200
    assert (await host.call("DELETE", path)).status == 204
    assert subjects(host) == ["Invitation: Coloring", "Changed: Coloring", "Canceled: Coloring"]
    # All of them in one conversation, that goes on where the client answers.
    assert host.rows("SELECT count(DISTINCT conversation_id) FROM messages") == [(1,)]
    assert (await host.call("DELETE", path)).code == "not_found"
    assert diary.sandbox.state()["calendars"]["appointments"]["events"] == {}


async def test_who_knows_an_older_version_changes_nothing(
    host: Host, calendar: str, diary: Diary
) -> None:
    event = add_event(host, host.ours, calendar, **diary.put() | {"etag": '"old"'})
    path = f"/api/v1/calendars/{calendar}/events/{event}"
    for answer in (await host.call("PUT", path, json=ASKED), await host.call("DELETE", path)):
        assert (answer.status, answer.code) == (409, "provider_edit_conflict")
    assert host.rows("SELECT DISTINCT kind FROM jobs") == [("sync_calendar",)]


async def test_an_event_of_another_calendar_is_not_there(
    host: Host, calendar: str, diary: Diary
) -> None:
    event = add_event(host, host.ours, calendar, **diary.put())
    other = add_calendar(host, host.ours)
    answer = await host.call("PUT", f"/api/v1/calendars/{other}/events/{event}", json=ASKED)
    assert (answer.status, answer.code) == (404, "not_found")
