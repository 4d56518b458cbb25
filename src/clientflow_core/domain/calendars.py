"""Calendars and what is in them, as every calendar provider can say it."""

import datetime as dt
import enum
import uuid
from collections.abc import Sequence

import attrs


@attrs.frozen(kw_only=True)
class Calendar:
    """A calendar of the account.

    Attributes:
        time_zone: its own, a name of the tz database.
    """

    provider_calendar_id: str
    title: str
    time_zone: str
    is_writable: bool


@attrs.frozen(kw_only=True)
class Timed:
    """From one moment to another.

    Attributes:
        starts_at: aware.
        ends_at: aware, not before *starts_at*.
        time_zone: the zone in which it repeats and is shown, a name of the tz database.
    """

    starts_at: dt.datetime
    ends_at: dt.datetime
    time_zone: str


@attrs.frozen(kw_only=True)
class AllDay:
    """Whole days, wherever one is.

    Attributes:
        last: the last of them; the same as *first* for a single day.
    """

    first: dt.date
    last: dt.date


class EventStatus(enum.StrEnum):
    """Whether it takes place."""

    CONFIRMED = "confirmed"
    TENTATIVE = "tentative"
    CANCELED = "canceled"


@attrs.frozen(kw_only=True)
class CalendarEvent:
    """An event, as the provider has it now.

    Attributes:
        etag: names this version of it; a change says which version it is of.
        ical_uid: its name in every calendar that has a copy of it.
        is_busy: whether it takes up the time.
        attendees: their e-mail addresses.
        provider_series_id: of what is repeated, each time is an event of its own; this names what
            they have in common.
    """

    provider_event_id: str
    etag: str
    ical_uid: str
    title: str
    time: Timed | AllDay
    status: EventStatus
    is_busy: bool = True
    description: str = ""
    location: str = ""
    attendees: tuple[str, ...] = ()
    provider_series_id: str | None = None


@attrs.frozen(kw_only=True)
class EventRemoved:
    """An event that the calendar does not have any more.

    Attributes:
        provider_event_id: its name; or that of a series, all of whose events are gone then. Those
            that are still there come after it.
    """

    provider_event_id: str


@attrs.frozen(kw_only=True)
class EventDraft:
    """An event that is to be put into a calendar.

    Attributes:
        id: names it; put twice, it is one event.
        is_busy: whether it takes up the time.
        provider_event_id: the provider's name for the event that is changed; it may be one that
            somebody else has made. None for an event that is new.
    """

    id: uuid.UUID
    title: str
    time: Timed | AllDay
    is_busy: bool = True
    description: str = ""
    location: str = ""
    attendees: tuple[str, ...] = ()
    provider_event_id: str | None = None


@attrs.frozen(kw_only=True)
class SyncPage:
    """A part of what has changed since a cursor.

    Attributes:
        cursor: where to go on; kept together with the changes, in one transaction.
        is_last: nothing more is there now; *cursor* then serves for the next sync.
    """

    changes: Sequence[CalendarEvent | EventRemoved]
    cursor: str
    is_last: bool


@attrs.frozen(kw_only=True)
class BusyTime:
    """A time that is taken; both moments aware."""

    provider_calendar_id: str
    starts_at: dt.datetime
    ends_at: dt.datetime


@attrs.frozen(kw_only=True)
class WatchRequest:
    """Asks a provider to tell us when a calendar changes.

    What proves a notice is the plugin's affair. Where a provider signs nothing, and only sends back
    a token that it was given, the token is made of *id* with a secret among the settings: so it is
    another for each watch, and ``verify``, which knows the settings alone, can make it again.

    Attributes:
        id: our name for the watch; the provider sends it with each notice.
        address: where the notices go.
    """

    provider_calendar_id: str
    id: uuid.UUID
    address: str


@attrs.frozen(kw_only=True)
class Watch:
    """A watch that the provider keeps until it expires.

    Attributes:
        provider_watch_id: its own name for what is watched, needed to end it.
        expires_at: aware.
    """

    id: uuid.UUID
    provider_watch_id: str
    expires_at: dt.datetime
