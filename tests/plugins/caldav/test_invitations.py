"""An invitation, as calendar programs read it."""

from typing import Any

import pytest
from icalendar import Calendar

from clientflow_plugins.caldav.invitations import write_invitation
from tests.plugins.caldav.conftest import NOON, draft


def test_an_invitation_asks_each_attendee() -> None:
    asked = draft(attendees=("eva@example.com", "bob@example.com"))
    written = write_invitation(asked, organizer="salon@example.com", now=NOON, sequence=2)
    calendar: Any = Calendar.from_ical(written)
    (event,) = calendar.walk("VEVENT")
    assert calendar["METHOD"] == "REQUEST"
    assert (event["UID"], event["SEQUENCE"], event["ORGANIZER"]) == (
        str(asked.id), 2, "mailto:salon@example.com",
    )  # fmt: skip
    assert event["DTSTART"].dt == NOON
    assert [
        (str(one), one.params["PARTSTAT"], one.params["RSVP"]) for one in event["ATTENDEE"]
    ] == [
        ("mailto:eva@example.com", "NEEDS-ACTION", "TRUE"),
        ("mailto:bob@example.com", "NEEDS-ACTION", "TRUE"),
    ]
    assert len(calendar.walk("VTIMEZONE")) == 1


def test_who_is_asked_alone_is_asked() -> None:
    written = write_invitation(
        draft(attendees=("eva@example.com",)), organizer="salon@example.com", now=NOON
    )
    assert written.count(b"RSVP=TRUE") == 1


def test_an_invitation_of_nobody_is_none() -> None:
    with pytest.raises(ValueError, match="nobody"):
        write_invitation(draft(), organizer="salon@example.com", now=NOON)
