"""Calendars that an organization follows, and what is known of the events in them."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence

import attrs

from clientflow_core.domain.calendars import (
    AllDay,
    CalendarEvent,
    EventDraft,
    EventRemoved,
    EventStatus,
    Timed,
    Watch,
)


@attrs.frozen(kw_only=True)
class FollowedCalendar:
    """A calendar of a provider's, of which a copy is kept.

    Attributes:
        cursor: where the next sync goes on; None from the beginning.
        sweep_id: while it is read from the beginning once more, marks what has come.
        last_synced_at: when the copy was last known to be whole.
        last_error: why the last sync did not end; None if it did.
        watch: by which the provider tells of changes; None if it does not.
    """

    id: uuid.UUID
    provider: str
    provider_calendar_id: str
    title: str
    time_zone: str
    is_writable: bool
    cursor: str | None
    sweep_id: uuid.UUID | None
    last_synced_at: dt.datetime | None
    last_error: str | None
    watch: Watch | None
    created_at: dt.datetime

    def is_at(self, other: "FollowedCalendar") -> bool:
        """Tell whether *other*, read at another time, has come exactly as far."""
        return (self.cursor, self.sweep_id) == (other.cursor, other.sweep_id)


@attrs.frozen(kw_only=True)
class KeptEvent:
    """An event of the copy.

    Attributes:
        provider_event_id: None for one of ours that is not at the provider yet.
        provider_series_id: what the times of what is repeated have in common; None for others.
        etag: which version this is; None for one that is not at the provider yet.
        ical_uid: its name in every calendar that has a copy of it; None, likewise.
        put_error: why it will not be there; None as long as it may.
        updated_at: when it was last written down here.
        sequence: how often those who were invited have been told of a change.
        invited: whom we have invited by e-mail.
        invited_to: what they were told, in short; None if nobody was.
    """

    id: uuid.UUID
    calendar_id: uuid.UUID
    provider_event_id: str | None
    provider_series_id: str | None
    etag: str | None
    ical_uid: str | None
    title: str
    time: Timed | AllDay
    status: EventStatus
    is_busy: bool
    description: str
    location: str
    attendees: tuple[str, ...]
    put_error: str | None
    updated_at: dt.datetime
    sequence: int
    invited: tuple[str, ...]
    invited_to: str | None

    @property
    def takes_time(self) -> bool:
        """Whether nothing else fits into its time."""
        return self.is_busy and self.status is not EventStatus.CANCELED

    @property
    def draft(self) -> EventDraft:
        """What the provider is given, of one of ours."""
        return EventDraft(
            id=self.id,
            title=self.title,
            time=self.time,
            is_busy=self.is_busy,
            description=self.description,
            location=self.location,
            attendees=self.attendees,
        )


@attrs.frozen(kw_only=True)
class Changes:
    """What a page of changes comes to.

    Attributes:
        removed: names of events and series that are gone, but for those in *events*.
        events: what there is now, by the provider's names.
    """

    removed: frozenset[str]
    events: Mapping[str, CalendarEvent]

    @property
    def are_any(self) -> bool:
        """Whether something has changed."""
        return bool(self.removed or self.events)


def fold_changes(changes: Sequence[CalendarEvent | EventRemoved]) -> Changes:
    """Give what *changes*, one after the other, come to."""
    removed: set[str] = set()
    events: dict[str, CalendarEvent] = {}
    members: dict[str, set[str]] = {}
    for change in changes:
        if isinstance(change, EventRemoved):
            gone = change.provider_event_id
            removed.add(gone)
            for name in {gone, *members.pop(gone, ())}:
                events.pop(name, None)
            continue
        events[change.provider_event_id] = change
        if change.provider_series_id is not None:
            members.setdefault(change.provider_series_id, set()).add(change.provider_event_id)
    return Changes(removed=frozenset(removed), events=events)


@attrs.frozen(kw_only=True)
class Feed:
    """An address at which others may read a calendar; the address itself is kept by nobody.

    Attributes:
        shows_details: whether they see what takes place, and not only when time is taken.
    """

    calendar_id: uuid.UUID
    shows_details: bool
    created_at: dt.datetime
