"""What those who are asked to an appointment are told of it: in words, for who reads the e-mail."""

import datetime as dt
import enum
import hashlib
from typing import Final
from zoneinfo import ZoneInfo

from clientflow_core.domain.calendars import AllDay, Timed
from clientflow_core.domain.email.headers import LONGEST_LINE
from clientflow_core.domain.followed_calendars import KeptEvent

_LONGEST_BODY: Final = 10_000


class News(enum.Enum):
    """What has become of an appointment: how the subject begins, and the text."""

    INVITED = ("Invitation", "You are invited to an appointment.")
    CHANGED = ("Changed", "An appointment of yours has changed.")
    CALLED_OFF = ("Canceled", "An appointment of yours does not take place.")


def say_in_short(event: KeptEvent) -> str:
    """Give what tells apart two versions of an event that are not the same to who comes."""
    said = (event.title, event.location, _moments(event.time), event.status)
    return hashlib.sha256(repr(said).encode("utf-8", "surrogatepass")).hexdigest()


def name_of(event: KeptEvent) -> str:
    """Give the title of an event as one line."""
    return " ".join(event.title.split()) or "Appointment"


def write_subject(event: KeptEvent, news: News) -> str:
    """Write the subject of an e-mail about *event*."""
    return f"{news.value[0]}: {name_of(event)}"[:LONGEST_LINE]


def write_body(event: KeptEvent, news: News) -> str:
    """Write the text of an e-mail about *event*."""
    details = (name_of(event), _when(event.time), event.location, event.description)
    lines = [news.value[1], "", *(one for one in details if one)]
    return "\n".join(lines)[:_LONGEST_BODY]


def ends_at(time: Timed | AllDay) -> dt.datetime:
    """Give when it is over, wherever one is."""
    if isinstance(time, Timed):
        return time.ends_at
    return dt.datetime.combine(time.last, dt.time(), dt.UTC) + dt.timedelta(days=2)


def _moments(time: Timed | AllDay) -> tuple[str, ...]:
    if isinstance(time, AllDay):
        return (time.first.isoformat(), time.last.isoformat())
    return tuple(one.astimezone(dt.UTC).isoformat() for one in (time.starts_at, time.ends_at))


def _when(time: Timed | AllDay) -> str:
    if isinstance(time, AllDay):
        is_long = time.last > time.first
        return f"{_day(time.first)} to {_day(time.last)}" if is_long else _day(time.first)
    zone = ZoneInfo(time.time_zone)
    first, last = time.starts_at.astimezone(zone), time.ends_at.astimezone(zone)
    until = f"{last:%H:%M}" if first.date() == last.date() else f"{_day(last)}, {last:%H:%M}"
    return f"{_day(first)}, {first:%H:%M} to {until} ({time.time_zone})"


def _day(day: dt.date) -> str:
    return f"{day:%A}, {day.day} {day:%B} {day.year}"
