"""The interface of a provider that keeps calendars."""

import abc
import datetime as dt
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from clientflow_core.domain.calendars import (
    BusyTime,
    Calendar,
    CalendarEvent,
    EventDraft,
    SyncPage,
    Watch,
    WatchRequest,
)


class CalendarProvider(abc.ABC):
    """Reads and writes calendars.

    Every method may raise

    - ProviderRefused: it was refused for good;
    - AuthFailed: because of our credentials;
    - ProviderUnavailable: it was surely not done, and may be tried again;
    - OutcomeUnknown: it may have been done; to ask again is safe, as each method says.

    Within a major version this class never gains an abstract method or an argument.
    """

    @abc.abstractmethod
    async def verify(self) -> str:
        """Prove with a cheap read-only call that the credentials work; give the account's name."""

    @abc.abstractmethod
    async def list_calendars(self) -> Sequence[Calendar]:
        """Give the calendars that the credentials reach."""

    @abc.abstractmethod
    async def sync(self, provider_calendar_id: str, *, cursor: str | None) -> SyncPage:
        """Give the next part of what has changed since *cursor*; from the beginning without one.

        What was asked may be asked again: a cursor that was used is not used up.

        Raises:
            CursorExpired: the provider does not know *cursor* any more: sync from the beginning,
                and drop what does not come.
        """

    @abc.abstractmethod
    async def put_event(
        self, provider_calendar_id: str, draft: EventDraft, *, etag: str | None = None
    ) -> CalendarEvent:
        """Put a new event into a calendar, or change one that is there.

        Args:
            provider_calendar_id: which calendar.
            draft: the event. A new one put twice is one: where it is there already it is given as
                it is, since somebody may have changed it meanwhile.
            etag: the version that is changed, of ``draft.provider_event_id``; None for an event
                that is new.

        Raises:
            EditConflict: somebody else has changed it since that version, or taken it out.
        """

    @abc.abstractmethod
    async def delete_event(
        self, provider_calendar_id: str, provider_event_id: str, *, etag: str | None = None
    ) -> None:
        """Take an event out of a calendar; one that is not there is no error.

        Raises:
            EditConflict: *etag* is given, and is not its version any more.
        """

    @abc.abstractmethod
    async def list_busy_times(
        self,
        provider_calendar_ids: Sequence[str],
        *,
        starts_at: dt.datetime,
        ends_at: dt.datetime,
    ) -> Sequence[BusyTime]:
        """Give when the calendars are taken between two aware moments, without what by.

        Raises:
            RejectedInput: one of them is not known; without an answer nobody may be taken for free.
        """


@runtime_checkable
class SupportsPush(Protocol):
    """:attr:`Capability.PUSH`: tells us when a calendar changes."""

    async def watch(self, request: WatchRequest) -> Watch:
        """Begin to tell; it ends by itself, so that a new one is asked for before."""
        ...

    async def end_watch(self, watch: Watch) -> None:
        """Tell no more; one that has ended already is no error."""
        ...
