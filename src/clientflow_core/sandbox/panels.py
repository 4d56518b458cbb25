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


# One for each kind of thing that people see at a provider; there will be more.
Panel: TypeAlias = Phones
