"""What a sandbox shows to people, as data: whoever serves the console draws it."""

import datetime as dt
import enum
from collections.abc import Sequence
from typing import TypeAlias

import attrs


class Arrival(enum.StrEnum):
    """How far a text has come."""

    ON_ITS_WAY = "on_its_way"
    ARRIVED = "arrived"
    LOST = "lost"


@attrs.frozen(kw_only=True)
class Bubble:
    """One text on a client's telephone.

    Attributes:
        id: names it within the sandbox.
        is_from_client: the client wrote it.
        note: its state in the provider's own word.
    """

    id: str
    is_from_client: bool
    body: str
    at: dt.datetime
    arrival: Arrival
    note: str


@attrs.frozen(kw_only=True)
class Phone:
    """A client's telephone: the texts with one number of the business, oldest first."""

    client: str
    business: str
    bubbles: Sequence[Bubble] = ()


@attrs.frozen(kw_only=True)
class ReadyClient:
    """A client who is there to be played.

    Attributes:
        about: what is special about this one, as a sentence.
    """

    name: str
    number: str
    about: str


@attrs.frozen(kw_only=True)
class Phones:
    """The panel of a provider of texts: its clients' telephones.

    A sandbox that gives this lets a client write by ``inbound`` with ``{from, to, body}``.

    Attributes:
        numbers: those of the business that may be written to, the usual one first.
        phones: in the order in which they were first used.
        ready: clients for whoever wants to play one; the first is the ordinary one.
    """

    numbers: Sequence[str]
    phones: Sequence[Phone]
    ready: Sequence[ReadyClient] = ()


@attrs.frozen(kw_only=True)
class CalendarEntry:
    """Something that stands in a calendar.

    Attributes:
        starts: an aware moment, or the first of whole days.
        ends: an aware moment, or the last of whole days.
        note: what else is to be said of it, such as that it repeats; may be empty.
    """

    id: str
    title: str
    starts: dt.datetime | dt.date
    ends: dt.datetime | dt.date
    note: str = ""


@attrs.frozen(kw_only=True)
class CalendarSheet:
    """One calendar, with what stands in it in the order of time."""

    title: str
    entries: Sequence[CalendarEntry] = ()


@attrs.frozen(kw_only=True)
class CalendarSheets:
    """The panel of a provider of calendars: what stands in them."""

    sheets: Sequence[CalendarSheet]


@attrs.frozen(kw_only=True)
class Letter:
    """One e-mail between the business and a client.

    Attributes:
        id: names it within the sandbox.
        is_from_client: the client wrote it.
        note: its state in the provider's own word.
        files: the names of what is attached.
    """

    id: str
    is_from_client: bool
    client: str
    business: str
    subject: str
    body: str
    at: dt.datetime
    arrival: Arrival
    note: str
    files: Sequence[str] = ()


@attrs.frozen(kw_only=True)
class Letters:
    """The panel of a provider of e-mail: what was sent in either direction, oldest first."""

    letters: Sequence[Letter]


@attrs.frozen(kw_only=True)
class Exchange:
    """What an assistant was asked, and what it has answered.

    Attributes:
        id: names it within the sandbox.
        asked: the last words of the client.
        note: what it took, or why there is no answer, in the provider's own words.
    """

    id: str
    asked: str
    answer: str
    at: dt.datetime
    note: str


@attrs.frozen(kw_only=True)
class Exchanges:
    """The panel of a provider of assistants: what was asked, oldest first."""

    exchanges: Sequence[Exchange]


# One for each kind of thing that people see at a provider; there will be more.
Panel: TypeAlias = Phones | CalendarSheets | Letters | Exchanges
