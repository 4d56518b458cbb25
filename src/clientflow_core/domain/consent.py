"""Who wants to hear from us by a medium and who does not, and who has said so.

What is known of an address is the newest thing that counted; what was said before is kept, so that
it can be proven.
"""

import datetime as dt
import enum
import uuid
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

import attrs

from clientflow_core.domain.contacts import ContactPointKind
from clientflow_core.domain.routing import Medium

# What clients of telephones know from everybody, https://help.twilio.com/articles/223134027; the
# last two of those that opt out since the rules of the FCC of April 2025.
_WORDS: Final = MappingProxyType(
    {
        "opt_out": ("STOP", "STOPALL", "UNSUBSCRIBE", "CANCEL", "END", "QUIT", "REVOKE", "OPTOUT"),
        "opt_in": ("START", "YES", "UNSTOP"),
        "help": ("HELP", "INFO"),
    }
)


class Wish(enum.StrEnum):
    """What was said: no more, again, or how to do so. The last changes nothing."""

    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"
    HELP = "help"


class ConsentSource(enum.StrEnum):
    """Who, or what, has said so.

    *client*: by a word or a link. *provider*: it refuses to reach the address any more. *bounce*:
    what is sent there comes back. *spam_report*: the client's mail program was told that ours is
    spam. *person*: one of ours.
    """

    CLIENT = "client"
    PROVIDER = "provider"
    BOUNCE = "bounce"
    SPAM_REPORT = "spam_report"
    PERSON = "person"


@attrs.frozen(kw_only=True)
class ConsentStatement:
    """One thing that was said about an address.

    Attributes:
        evidence: the word, the provider's code, or the reason that a person gave.
        occurred_at: when it was said, aware.
        said_by: the public id of the user or key, where a person of ours has said it.
        channel_id: by which of our channels it came, if by one.
    """

    wish: Wish
    source: ConsentSource
    evidence: str
    occurred_at: dt.datetime
    said_by: str | None = None
    channel_id: uuid.UUID | None = None

    @property
    def is_opted_out(self) -> bool:
        """Whether nothing may be sent as long as this is the newest."""
        return self.wish is Wish.OPT_OUT


@attrs.frozen(kw_only=True)
class ConsentReported:
    """A client wants to hear from us no more, or again, or asks how to say so.

    The client is named by address, or else by a message of ours.

    Attributes:
        source: never a person: those are ours.
        evidence: the client's word, or the provider's.
        sender: our address, by which the organization is found; empty where the attempt tells.
        client: the client's address; None where a message of ours tells.
        provider_message_id: which message, where the client is whoever it went to.
        attempt_id: which attempt, where the report carries it.
        group: as in :class:`~clientflow_core.MessageReceived`.
    """

    wish: Wish
    source: ConsentSource
    evidence: str
    sender: str
    client: str | None = None
    provider_message_id: str | None = None
    attempt_id: uuid.UUID | None = None
    group: str | None = None


def read_wish(body: str) -> Wish | None:
    """Tell what a text asks for that is one of the words which everybody knows, and no more.

    Those are STOP, STOPALL, UNSUBSCRIBE, CANCEL, END, QUIT, REVOKE and OPTOUT; START, YES and
    UNSTOP; HELP and INFO; in any case, with blanks around them. "Please stop" is none.
    """
    word = body.strip()
    # Letters of other alphabets whose capitals are these are none of them.
    word = word.upper() if word.isascii() else ""
    return next((Wish(wish) for wish, words in _WORDS.items() if word in words), None)


# What a client takes back, or an address that works again does not, stays.
_WEIGHTS: Final[Mapping[ConsentSource, int]] = MappingProxyType(
    {
        ConsentSource.PROVIDER: 0,
        ConsentSource.PERSON: 1,
        ConsentSource.CLIENT: 2,
        ConsentSource.SPAM_REPORT: 3,
        ConsentSource.BOUNCE: 4,
    }
)


def advance_consent(
    known: ConsentStatement | None, said: ConsentStatement
) -> ConsentStatement | None:
    """Give what is known after *said*: *known* where that changes nothing.

    - Who is opted out stays so; what weighs more is then the reason: a bounce more than a report
      of spam, that more than the client's word, that more than ours, that more than the provider's.
    - Only a client's own later word outdates an opt-out that comes late.
    - An opt-in undoes an earlier opt-out. A client's undoes no bounce and no report of spam, of
      which the client knows nothing: one of ours does.
    - Where nothing was opted out there is nothing to opt into: "yes" is an answer, too.
    """
    if said.wish is Wish.OPT_OUT:
        return said if _is_heeded(known, said) else known
    if said.wish is Wish.OPT_IN and known is not None and known.is_opted_out:
        return said if _is_undone(known, said) else known
    return known


def _is_heeded(known: ConsentStatement | None, said: ConsentStatement) -> bool:
    if known is None:
        return True
    if known.is_opted_out:
        return _WEIGHTS[said.source] > _WEIGHTS[known.source]
    return known.source is not ConsentSource.CLIENT or said.occurred_at > known.occurred_at


def _is_undone(known: ConsentStatement, said: ConsentStatement) -> bool:
    may_undo = (
        said.source is ConsentSource.PERSON
        or _WEIGHTS[known.source] <= _WEIGHTS[ConsentSource.CLIENT]
    )
    return may_undo and said.occurred_at >= known.occurred_at


_MEDIA: Final = MappingProxyType(
    {ContactPointKind.PHONE: Medium.TEXT, ContactPointKind.EMAIL: Medium.EMAIL}
)


def medium_of(kind: ContactPointKind) -> Medium:
    """Give what is exchanged with addresses of this kind."""
    return _MEDIA[kind]


def kind_of(medium: Medium) -> ContactPointKind:
    """Give the kind of the addresses with which this is exchanged."""
    return next(kind for kind, exchanged in _MEDIA.items() if exchanged is medium)


_REASONS: Final[Mapping[ConsentSource, str]] = MappingProxyType(
    {
        ConsentSource.CLIENT: "has opted out of {}",
        ConsentSource.PROVIDER: "has opted out of {}, as the provider says,",
        ConsentSource.BOUNCE: "is not reached by {}, which come back,",
        ConsentSource.SPAM_REPORT: "has reported {} as spam, and gets none",
        ConsentSource.PERSON: "was opted out of {} by one of us",
    }
)
_WHAT: Final = MappingProxyType({Medium.TEXT: "texts", Medium.EMAIL: "e-mails"})


def name_of(medium: Medium) -> str:
    """Say in words what is sent."""
    return _WHAT[medium]


def say_why_not(known: ConsentStatement, *, medium: Medium) -> str:
    """Say in words why nothing is sent; a name goes before it, and "since" with a time behind."""
    return _REASONS[known.source].format(_WHAT[medium])
