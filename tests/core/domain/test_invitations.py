"""What an invitation says in words, and what counts as a change of it."""

import datetime as dt

import attrs
import pytest

from clientflow_core.domain.calendars import AllDay, EventStatus, Timed
from clientflow_core.domain.invitations import (
    News,
    ends_at,
    say_in_short,
    write_body,
    write_subject,
)
from tests.core.domain.test_ical import HAIRCUT, HOUR, NINE

DAY = dt.date(2027, 1, 5)


@pytest.mark.parametrize(
    ("time", "words"),
    [
        (HAIRCUT.time, "Tuesday, 5 January 2027, 10:00 to 11:00 (Europe/Berlin)"),
        (
            Timed(starts_at=NINE, ends_at=NINE + 24 * HOUR, time_zone="UTC"),
            "Tuesday, 5 January 2027, 09:00 to Wednesday, 6 January 2027, 09:00 (UTC)",
        ),
        (AllDay(first=DAY, last=DAY), "Tuesday, 5 January 2027"),
        (
            AllDay(first=DAY, last=DAY + dt.timedelta(days=1)),
            "Tuesday, 5 January 2027 to Wednesday, 6 January 2027",
        ),
    ],
)
def test_the_text_says_what_when_and_where(time: Timed | AllDay, words: str) -> None:
    body = write_body(attrs.evolve(HAIRCUT, time=time), News.INVITED)
    assert body.splitlines() == [
        "You are invited to an appointment.", "", "Haircut", words, "Main St 1", "with color",
    ]  # fmt: skip


def test_a_subject_is_one_line_whatever_the_title_is() -> None:
    odd = attrs.evolve(HAIRCUT, title="a\r\nBcc: b@example.com" + "x" * 2000)
    subject = write_subject(odd, News.CHANGED)
    assert subject.startswith("Changed: a Bcc: b@example.comxx")
    assert len(subject) < 1000
    assert write_subject(attrs.evolve(HAIRCUT, title=" "), News.CALLED_OFF) == (
        "Canceled: Appointment"
    )


def test_only_what_matters_to_who_comes_is_a_change() -> None:
    same = attrs.evolve(HAIRCUT, description="other", etag="2", is_busy=False, sequence=9)
    assert isinstance(same.time, Timed)
    elsewhere = dt.timezone(HOUR)
    time = attrs.evolve(same.time, starts_at=NINE.astimezone(elsewhere), time_zone="Asia/Tokyo")
    assert say_in_short(attrs.evolve(same, time=time)) == say_in_short(HAIRCUT)
    for changes in (
        {"title": "Coloring"},
        {"location": "Main St 2"},
        {"status": EventStatus.CANCELED},
        {"time": attrs.evolve(same.time, ends_at=NINE + 2 * HOUR)},
        {"time": AllDay(first=DAY, last=DAY)},
    ):
        changed = attrs.evolve(HAIRCUT, **changes)
        assert say_in_short(changed) != say_in_short(HAIRCUT)


def test_a_day_is_over_where_it_ends_last() -> None:
    assert ends_at(AllDay(first=DAY, last=DAY)) == dt.datetime(2027, 1, 7, tzinfo=dt.UTC)
    assert ends_at(HAIRCUT.time) == NINE + HOUR
