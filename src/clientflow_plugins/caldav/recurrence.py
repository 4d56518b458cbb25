"""When something that is repeated takes place, within a window: RFC 5545, 3.3.10 and 3.8.5."""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from types import MappingProxyType
from typing import Any, Final, TypeAlias

from dateutil.rrule import rrulestr  # type: ignore[import-untyped]

from clientflow_plugins.caldav.cursors import Window

Start: TypeAlias = dt.date | dt.datetime

MOST_TIMES: Final = 1000
"""So many times of one series at the most."""

_MIDNIGHT: Final = dt.time()
# What a calendar is for. The others, and times of the day, are a way to keep a reader busy.
_DAYS: Final[Mapping[str, int]] = MappingProxyType(
    {"DAILY": 1, "WEEKLY": 7, "MONTHLY": 30, "YEARLY": 365}
)
_WITHIN_A_DAY: Final = frozenset({"BYHOUR", "BYMINUTE", "BYSECOND"})
# Those that can be begun anew further on without changing what they mean.
_EVEN: Final = frozenset({"DAILY", "WEEKLY"})
# dateutil takes up to 0.3 ms for each that it looks at, and nothing else goes on meanwhile.
_MOST_PERIODS: Final = 2000
# It looks for the next time up to the year 9999, also where a rule never fits and ends before. The
# calendar is the same again after 400 years, days of the week included: so all of it is done close
# to that year.
_SHIFT_YEARS: Final = 19 * 400
_YEARS: Final = range(1900, 2400)


def find_starts(component: Any, start: Start, window: Window) -> Sequence[Start]:
    """Give when each time of a series begins, of those that begin within *window*.

    A rule that repeats more often than once a day, or that would have to be looked through for too
    long, adds nothing to the first time.

    Args:
        component: an event with a rule, or with further dates.
        start: when it first begins: a day, or a moment with its zone.
        window: the days that are looked at.

    Raises:
        ValueError: the rule cannot be read.
    """
    first, end = (dt.datetime.combine(day, _MIDNIGHT) for day in (window.first, window.end))
    times = {_naive(start, start)}
    for recur in _listed(component.get("RRULE")):
        times.update(_times_of(recur, start, first, end))
    times.update(_naive(date, start) for date in _dates(component, "RDATE"))
    times.difference_update(_naive(date, start) for date in _dates(component, "EXDATE"))
    found = sorted(one for one in times if first <= one < end)
    return [_like(one, start) for one in found[:MOST_TIMES]]


def _times_of(
    recur: Any, start: Start, first: dt.datetime, end: dt.datetime
) -> Iterator[dt.datetime]:
    """Give the times of a rule that lie between *first* and *end*."""
    parts = {name.upper(): value for name, value in recur.items()}
    until, count = _one(parts.pop("UNTIL", None)), _one(parts.pop("COUNT", None))
    begin = _naive(start, start)
    last = end if until is None else min(end, _naive(until, start))
    period = _period_days(parts)
    if period is None or begin.year not in _YEARS or last.year not in _YEARS:
        return
    if count is None and str(_one(parts["FREQ"])).upper() in _EVEN:
        begin = _further_on(begin, first, period)
    if (last - begin).days / period > _MOST_PERIODS:
        return
    text = type(recur)(parts).to_ical().decode()
    rule: Any = rrulestr(text, dtstart=_shifted(begin, _SHIFT_YEARS))
    rule = rule.replace(until=_shifted(last, _SHIFT_YEARS))
    found = islice(rule, None if count is None else int(count))
    every = (_shifted(one, -_SHIFT_YEARS) for one in found)
    yield from islice((one for one in every if first <= one < end), MOST_TIMES)


def _shifted(moment: dt.datetime, years: int) -> dt.datetime:
    return moment.replace(year=moment.year + years)


def _period_days(parts: Mapping[str, Any]) -> int | None:
    """Give about how long it takes until a rule comes round; None for one that is not followed."""
    days = _DAYS.get(str(_one(parts.get("FREQ"))).upper())
    if days is None or _WITHIN_A_DAY & parts.keys():
        return None
    return days * max(1, int(_one(parts.get("INTERVAL", 1))))


def _further_on(begin: dt.datetime, first: dt.datetime, period: int) -> dt.datetime:
    """Give a beginning shortly before *first* with which an even rule gives the same from there."""
    # One more back, since a week that is begun in its middle lacks the days before.
    periods = max(0, (first - begin).days // period - 1)
    return begin + dt.timedelta(days=periods * period)


def _dates(component: Any, name: str) -> Iterator[Start]:
    for several in _listed(component.get(name)):
        for one in several.dts:
            # A period begins with its first moment.
            yield one.dt[0] if isinstance(one.dt, tuple) else one.dt


def _naive(date: Start, start: Start) -> dt.datetime:
    """Give what the clocks of *start*'s zone show at *date*; its time of the day for a mere day."""
    if not isinstance(date, dt.datetime):
        time = start.time() if isinstance(start, dt.datetime) else _MIDNIGHT
        return dt.datetime.combine(date, time)
    zone = start.tzinfo if isinstance(start, dt.datetime) else None
    if zone is not None and date.tzinfo is not None:
        date = date.astimezone(zone)
    return date.replace(tzinfo=None, fold=0)


def _like(naive: dt.datetime, start: Start) -> Start:
    return naive.replace(tzinfo=start.tzinfo) if isinstance(start, dt.datetime) else naive.date()


def _listed(value: Any) -> Sequence[Any]:
    if value is None:
        return ()
    return value if isinstance(value, list) else (value,)


def _one(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else value
