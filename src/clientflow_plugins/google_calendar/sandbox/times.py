"""Times of events, as Google takes and gives them."""

import datetime as dt
from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from clientflow_plugins.google_calendar.sandbox.refusals import bad_request


def check_times(start: Mapping[str, str], end: Mapping[str, str]) -> None:
    """Let the times of an event pass.

    Raises:
        Refusal: they cannot be those of an event.
    """
    for name, one in (("start", start), ("end", end)):
        if ("date" in one) == ("dateTime" in one):
            raise bad_request("invalid", f"Invalid {name} time.")
        if "timeZone" in one and not is_zone(one["timeZone"]):
            raise bad_request("invalid", f"Invalid time zone definition for {name} time.")
    if ("date" in start) != ("date" in end):
        raise bad_request("invalid", "Start and end times must either both be date or both be "
                          "dateTime.")  # fmt: skip
    begins, ends = moment(start, zone="UTC"), moment(end, zone="UTC")
    if ends < begins or ("date" in start and ends == begins):
        raise bad_request("timeRangeEmpty", "The specified time range is empty.")


def moment(time: Mapping[str, str], *, zone: str) -> dt.datetime:
    """Give when *time* is, by the clocks of *zone* where it is a whole day.

    Raises:
        Refusal: nobody can tell.
    """
    if "date" in time:
        day = dt.date.fromisoformat(time["date"])
        return dt.datetime.combine(day, dt.time(), ZoneInfo(zone))
    when = dt.datetime.fromisoformat(time["dateTime"])
    if when.tzinfo is not None:
        return when
    if "timeZone" not in time:
        raise bad_request("required", "Missing time zone definition for start time.")
    return when.replace(tzinfo=ZoneInfo(time["timeZone"]))


def shown(time: Mapping[str, str], *, zone: str) -> dict[str, Any]:
    """Give *time* by the clocks of the calendar, with the zone that it was put in."""
    if "date" in time:
        return {"date": time["date"]}
    when = moment(time, zone=zone).astimezone(ZoneInfo(zone))
    return {"dateTime": when.isoformat(timespec="seconds"), "timeZone": time.get("timeZone", zone)}


def is_zone(name: str) -> bool:
    """Tell whether the tz database has a zone of this name."""
    try:
        ZoneInfo(name)
    except (ValueError, LookupError, OSError):
        return False
    return True
